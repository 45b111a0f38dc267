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
 * - `client-timeout`: the client disconnected because it had waited enough, where the scenario counts that as a failure
 * - `abandoned`: the same, where it does not: neither completed nor failed, for how it would have ended is unknown
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
  | 'client-timeout'
  | 'abandoned'
  | 'interrupted';

/**
 * What became of one request, over all attempts at it. In an open loop its scheduled arrival was decided beforehand; in a closed
 * one, and for the later turns of a session, it is the instant at which its user meant to send it. Times are milliseconds on the run's time line, whose zero is the instant at which
 * driving starts; warm-up arrivals are negative. Latencies are counted from `scheduledMs`, never from `sentMs`, so a late
 * generator or a stalled server cannot hide (no coordinated omission).
 */
export interface RequestRecord {
  /** Position in the order in which requests came due, from 0, warm-up included. */
  readonly index: number;
  readonly scheduledMs: number;
  /** When it was really sent for the first time; null for a dropped one. */
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
  /** How often it was sent; absent where clients do not retry, and then 1, or 0 for a dropped one. */
  readonly attempts?: number;
  /** Of a request that was sent more than once: when each attempt was sent and when it ended, in pairs. */
  readonly attemptsMs?: readonly number[];
  /** How each of these ended, as {@link errorKind} names it, separated by spaces. */
  readonly attemptOutcomes?: string;
  /** Class of its user; absent where there are none. */
  readonly class?: string;
  /** Session and turn, both from 0; absent where requests stand alone. */
  readonly session?: number;
  readonly turn?: number;
}

/** What has to be known of a request to record it; the rest is that of one that was never sent. */
export type RequestFacts = Partial<RequestRecord> &
  Pick<RequestRecord, 'index' | 'scheduledMs' | 'endMs' | 'outcome' | 'stage'>;

/**
 * Makes a record. Times are rounded to microseconds, which are more than the measurement holds and keep the journal small; of a
 * dropped request `sentMs` is null.
 */
export function requestRecord({ sentMs = null, firstTokenMs = null, ...facts }: RequestFacts): RequestRecord {
  return {
    ...{ status: 0, promptTokens: 0, outputTokens: 0, upstream: '', gaps: [] },
    ...facts,
    scheduledMs: rounded(facts.scheduledMs),
    sentMs: sentMs === null || facts.outcome === 'dropped' ? null : rounded(sentMs),
    firstTokenMs: firstTokenMs === null ? null : rounded(firstTokenMs),
    endMs: rounded(facts.endMs),
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

const NO_FAILURES: readonly Outcome[] = ['ok', 'dropped', 'abandoned', 'interrupted'];

/** Whether the request was sent and did not get its whole answer. Dropped, abandoned and interrupted ones are counted apart. */
export function isFailure({ outcome }: Pick<RequestRecord, 'outcome'>): boolean {
  return !NO_FAILURES.includes(outcome);
}

/** How a failure is named in counts and in `errors(…)`: its outcome, for an HTTP failure `http-<status>`. */
export function errorKind({ outcome, status }: Pick<RequestRecord, 'outcome' | 'status'>): string {
  return outcome === 'http-status' ? `http-${status}` : outcome;
}

/** How often the request was sent; a connection that had gone stale unseen is not counted twice. */
export function attemptsOf({ attempts, sentMs }: RequestRecord): number {
  return attempts ?? (sentMs === null ? 0 : 1);
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

/** What became of the requests of an attack. */
export interface AttackRequests {
  /** Those that the service answered or ended, or left hanging where it had to answer. */
  readonly ended: number;
  /** Those of them that were answered with 4xx, or closed or refused without an answer, and with nothing wrong about it. */
  readonly refused: number;
}

/** The connections of an attack at one instant; all but `held` count from its start. */
export interface AttackPoint {
  /** Since the attack began, in ms. */
  readonly atMs: number;
  /** Established then. */
  readonly held: number;
  /** Ended by the service after they had been held for a while. */
  readonly closed: number;
  /** Not taken, turned away at once, or answered with 4xx. */
  readonly refused: number;
  /** Answers below 400. */
  readonly served: number;
}

/** What became of an attack. */
export interface AttackOutcome extends AttackRequests {
  /** In the order of time, some hundred at most; absent where nobody noted them. */
  readonly points?: readonly AttackPoint[];
}
