/** What was done for a request. */
export interface RequestTrace {
  /** In the order of a tree: each is followed by what it consists of, or waits for. */
  readonly rows: readonly TraceRow[];
  /** Rows that were left out. */
  readonly more: number;
}

/** One operation. Times are in ms from the scheduled arrival of the request. */
export interface TraceRow {
  /** 0 for the client. */
  readonly depth: number;
  /** Who did it. */
  readonly by: string;
  readonly name: string;
  /** `load`: the client's view · `server`: a request at a service · `client`: its request to another · `internal`: a part of it. */
  readonly kind: 'load' | 'server' | 'client' | 'internal';
  readonly startMs: number;
  readonly durationMs: number;
  /** Of first outputs. */
  readonly marksMs: readonly number[];
  /** What went wrong; absent where nothing did. */
  readonly error?: string;
}
