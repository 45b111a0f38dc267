/**
 * How one request ended, seen from the client.
 *
 * - `ok`: the whole answer arrived, for a stream up to its `[DONE]`
 * - `dropped`: never sent, because the bound on requests in flight was reached at its arrival
 * - `refused`, `reset`, `connect-timeout`: the connection failed
 * - `idle-timeout`: no byte for longer than the idle limit, before or after the first token
 * - `http-status`: an answer outside 2xx; `status` says which
 * - `truncated`: the stream ended, or carried an error event, before `[DONE]`
 * - `malformed`: an event that is not what the protocol says
 * - `interrupted`: the run was stopped while the request was in flight; counts neither as completed nor as failed
 */
export type Outcome =
  | 'ok'
  | 'dropped'
  | 'refused'
  | 'reset'
  | 'connect-timeout'
  | 'idle-timeout'
  | 'http-status'
  | 'truncated'
  | 'malformed'
  | 'interrupted';

/**
 * What became of one scheduled arrival. Times are milliseconds on the run's time line, whose zero is the instant at which
 * driving starts; warm-up arrivals are negative. Latencies are counted from `scheduledMs`, never from `sentMs`, so a late
 * generator or a stalled server cannot hide (no coordinated omission).
 */
export interface RequestRecord {
  /** Position in the arrival schedule, from 0, warm-up included. */
  readonly index: number;
  readonly scheduledMs: number;
  /** When it was really sent; null for a dropped one. */
  readonly sentMs: number | null;
  /** When the first token arrived; null if none did. */
  readonly firstTokenMs: number | null;
  /** When the outcome was known. */
  readonly endMs: number;
  readonly outcome: Outcome;
  /** HTTP status, 0 when no answer began. */
  readonly status: number;
  /** Tokens asked for in the prompt and tokens received. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Name of the load stage that its arrival belongs to. */
  readonly stage: string;
  /** Replica that answered, from `x-squall-upstream`; empty if unknown. */
  readonly upstream: string;
  /** Gaps between successive tokens, as a sparse histogram: pairs of {@link gapBucket} index and count. */
  readonly gaps: readonly number[];
}

/** Whether the request was sent and did not get its whole answer. Dropped and interrupted ones are counted apart. */
export function isFailure(record: RequestRecord): boolean {
  return record.outcome !== 'ok' && record.outcome !== 'dropped' && record.outcome !== 'interrupted';
}

/** Time to first token in ms from the scheduled arrival; null without a token. */
export function timeToFirstTokenMs(record: RequestRecord): number | null {
  return record.firstTokenMs === null ? null : record.firstTokenMs - record.scheduledMs;
}

/** Whole duration of a completed request in ms from the scheduled arrival; null if it did not complete. */
export function latencyMs(record: RequestRecord): number | null {
  return record.outcome === 'ok' ? record.endMs - record.scheduledMs : null;
}

const GAP_FLOOR_MS = 0.01;
const GAP_GROWTH = Math.log(1.02);

/** Bucket of an inter-token gap: geometric, 2 % wide, so that a quantile is within ±1 %; gaps under 10 µs share bucket 0. */
export function gapBucket(gapMs: number): number {
  return gapMs <= GAP_FLOOR_MS ? 0 : 1 + Math.floor(Math.log(gapMs / GAP_FLOOR_MS) / GAP_GROWTH);
}

/** The geometric middle of a bucket in ms: the inverse of {@link gapBucket} within ±1 %. */
export function gapOfBucketMs(bucket: number): number {
  return bucket === 0 ? GAP_FLOOR_MS : GAP_FLOOR_MS * Math.exp((bucket - 0.5) * GAP_GROWTH);
}
