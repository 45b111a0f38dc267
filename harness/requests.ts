/**
 * Outcome of one request, as its client saw it.
 *
 * - `ok`: the whole response arrived; a stream up to its proper end
 * - `empty`: the same, without a single token
 * - `engine-abort`: the engine gave the response up: its `finish_reason` is none of a complete response
 * - `dropped`: never sent, because the limit on requests in flight was reached at its arrival
 * - `connection-refused`, `reset`, `connect-timeout`: the connection failed
 * - `first-token-timeout`: no token within the first-token timeout
 * - `idle-timeout`: no further token for longer than the idle timeout; plain HTTP: no byte
 * - `http-status`: a response outside 2xx; `status` holds the code
 * - `truncated`: the stream ended, or carried an error event, before its proper end
 * - `malformed`: nothing in the response was as expected
 * - `client-timeout`: the client gave up waiting and disconnected, where the scenario counts that as a failure
 * - `abandoned`: the same, where the scenario does not; neither completed nor failed, since its outcome is unknown
 * - `lost`: a batch that was accepted, without one result for each of its lines in time
 * - `interrupted`: in flight when the run was stopped; neither completed nor failed
 */
export type Outcome =
  | 'ok'
  | 'empty'
  | 'engine-abort'
  | 'dropped'
  | 'connection-refused'
  | 'reset'
  | 'connect-timeout'
  | 'first-token-timeout'
  | 'idle-timeout'
  | 'http-status'
  | 'truncated'
  | 'malformed'
  | 'client-timeout'
  | 'abandoned'
  | 'lost'
  | 'interrupted';

/**
 * Record of one request over all its attempts. In an open loop the scheduled arrival is known in advance; in a closed loop, and
 * for later turns of a session, it is the instant at which the user meant to send. Times are milliseconds on the run's timeline:
 * 0 is the start of the load phase, warm-up arrivals are negative. Latencies count from `scheduledMs`, never from `sentMs`, so
 * neither a late generator nor a stalled server can hide (no coordinated omission).
 */
export interface RequestRecord {
  /** Position in the order of scheduled arrivals, from 0, warm-up included; dropped requests of k6, which have none there, come last. */
  readonly index: number;
  readonly scheduledMs: number;
  /** When the first attempt was sent; null for a dropped request. */
  readonly sentMs: number | null;
  /** When the first token arrived (plain HTTP: the first byte); null without one. */
  readonly firstTokenMs: number | null;
  /** When the outcome was known. */
  readonly endMs: number;
  readonly outcome: Outcome;
  /** HTTP status; 0 without a response. */
  readonly status: number;
  /** Tokens of the prompt, as planned. */
  readonly promptTokens: number;
  /** Tokens received: as the server's `usage` says where it does, otherwise the number of frames with output. */
  readonly outputTokens: number;
  /** Load stage of its arrival. */
  readonly stage: string;
  /** Upstream that responded, as a header of the response names it; empty if unknown. */
  readonly upstream: string;
  /** Sparse histogram of the gaps between successive tokens: pairs of {@link gapBucket} index and count. */
  readonly gaps: readonly number[];
  /** When the last token arrived; absent without one, and where it is unknown. */
  readonly lastTokenMs?: number;
  /** Frames with output, and reads from the connection in which they arrived; absent where unknown. Gaps lie between reads only. */
  readonly frames?: number;
  readonly reads?: number;
  /** Tokens of the prompt by the server's `usage`, and those of them that it took from its prefix cache; absent where it does not say. */
  readonly usedPromptTokens?: number;
  readonly cachedPromptTokens?: number;
  /** Whether it was sent again, on a fresh connection, since the reused one ended before any byte of a response; absent for no. */
  readonly resent?: boolean;
  /** Number of attempts; absent where clients do not retry, which means 1, or 0 for a dropped request. */
  readonly attempts?: number;
  /** Send and end time of each attempt, in pairs; absent for a single attempt. */
  readonly attemptsMs?: readonly number[];
  /** {@link errorKind} of each of these attempts, separated by spaces. */
  readonly attemptOutcomes?: string;
  /** Number in its {@link requestId} where that is not its index: k6's users of a closed loop share no counter. */
  readonly sentAs?: number;
  /** Client class of its user; absent without classes. */
  readonly class?: string;
  /** Session and turn, both from 0; absent without sessions. */
  readonly session?: number;
  readonly turn?: number;
}

/**
 * Request records in scheduled order, or some of them, as folds go over them: an array, or a table of columns for as many as there is
 * memory. A table hands the same object to each call, with the fields of the next record: keep what {@link Iterable} or `find` give, or a value.
 */
export interface Requests extends Iterable<RequestRecord> {
  readonly length: number;
  /** @param within interval [fromMs, toMs) in which all are scheduled that pass, so that a table need not look at the others */
  filter(
    test: (record: RequestRecord) => boolean,
    within?: { readonly fromMs: number; readonly toMs: number },
  ): Requests;
  some(test: (record: RequestRecord) => boolean): boolean;
  find(test: (record: RequestRecord) => boolean): RequestRecord | undefined;
  forEach(visit: (record: RequestRecord) => void): void;
  reduce<Value>(fold: (value: Value, record: RequestRecord) => Value, initial: Value): Value;
}

/** The records in scheduled order, as a table has them; an array may be in any. */
export function inOrder(requests: Requests): Requests {
  return Array.isArray(requests) ? [...requests].sort((a, b) => a.index - b.index) : requests;
}

/** Number of records that pass a test. */
export function countOf(requests: Requests, test: (record: RequestRecord) => boolean): number {
  return requests.reduce((count, record) => (test(record) ? count + 1 : count), 0);
}

/**
 * Value of `x-request-id`, by which a line in a server's log and a record find each other: `squall-<run>-<number>`, and with
 * `.2`, `.3` … at its end for further attempts. What is not part of the load has a word before its number: `probe-3`,
 * `attack-<fault>-17`.
 * @param run id of the run that sends it: of the segment in a merged run, see `senderOf`
 * @param number index of the record, or its `sentAs`
 * @param attempt from 1
 */
export function requestId(run: string, number: number | string, attempt = 1): string {
  return forAttempt(`squall-${run}-${number}`, attempt);
}

/** The id of a first attempt as that of another, from 1. */
export function forAttempt(id: string, attempt: number): string {
  return attempt > 1 ? `${id}.${attempt}` : id;
}

/** Id of a record's request; that of its attempt `attempt` (from 1). @param run as for {@link requestId} */
export function requestIdOf(
  { index, sentAs }: Pick<RequestRecord, 'index' | 'sentAs'>,
  run: string,
  attempt = 1,
): string {
  return requestId(run, sentAs ?? index, attempt);
}

/** Something about responses that a run's reader should learn: the first example of its kind, and how often it was seen. */
export interface LoadNote {
  /** `oddity`: read over, a warning; `failure`: the body or frame of the first failure of its kind. */
  readonly type: 'oddity' | 'failure';
  /** Code of an oddity, such as `no-done`; {@link errorKind} of a failure. */
  readonly name: string;
  readonly count: number;
  /** Oddity: a sentence. Failure: up to 300 bytes of the body or frame, control characters escaped, secrets masked. */
  readonly example: string;
  /** Headers of that response that tell who sent it: `content-type`, `server`, `via`, a request id; absent without a response. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Connections that a load generator established. */
export interface ConnectionCounts {
  readonly opened: number;
  /** The same, by IP address. */
  readonly addresses: Readonly<Record<string, number>>;
  /** Largest number of requests on one. */
  readonly maxRequests: number;
}

/** Connections over a link that the server behind it did not accept, which their clients see as resets. */
export interface Refusals {
  readonly link: string;
  readonly count: number;
  /** Error of the first. */
  readonly reason: string;
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
    ...(facts.lastTokenMs !== undefined && { lastTokenMs: rounded(facts.lastTokenMs) }),
    endMs: rounded(facts.endMs),
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** Whether the request was sent and failed. Dropped, abandoned and interrupted requests are counted separately. */
export function isFailure({ outcome }: Pick<RequestRecord, 'outcome'>): boolean {
  return outcome !== 'ok' && outcome !== 'dropped' && outcome !== 'abandoned' && outcome !== 'interrupted';
}

/** Field of a scenario that sets the limit by which a request failed, by outcome. */
export const TIMEOUT_FIELDS: Readonly<Record<string, string>> = {
  'connect-timeout': 'load.connectTimeout',
  'first-token-timeout': 'load.firstTokenTimeout',
  'idle-timeout': 'load.idleTimeout',
  'client-timeout': 'load.clients.clientTimeout',
} satisfies Partial<Record<Outcome, string>>;

/** Name of a failure in counts and in `errors(…)`: its outcome, or `http-<status>` for an HTTP error. */
export function errorKind({ outcome, status }: Pick<RequestRecord, 'outcome' | 'status'>): string {
  return outcome === 'http-status' ? `http-${status}` : outcome;
}

/** Number of attempts; a transparent resend on a stale connection does not count twice. */
export function attemptsOf({ attempts, sentMs }: RequestRecord): number {
  return attempts ?? (sentMs === null ? 0 : 1);
}

/** Time to first token in ms from the scheduled arrival; null without one. */
export function timeToFirstTokenMs(record: RequestRecord): number | null {
  return record.firstTokenMs === null ? null : record.firstTokenMs - record.scheduledMs;
}

/** End-to-end latency in ms from the scheduled arrival; null unless the request completed. */
export function latencyMs(record: RequestRecord): number | null {
  return record.outcome === 'ok' ? record.endMs - record.scheduledMs : null;
}

/**
 * Time per output token in ms after the first: (last − first) / (tokens − 1). Null with fewer than two tokens, and where all of them
 * arrived at once, since then it is unknown.
 */
export function timePerOutputTokenMs({ firstTokenMs, lastTokenMs, outputTokens }: RequestRecord): number | null {
  if (firstTokenMs === null || lastTokenMs === undefined || outputTokens < 2 || lastTokenMs <= firstTokenMs)
    return null;
  return (lastTokenMs - firstTokenMs) / (outputTokens - 1);
}

const GAP_FLOOR_MS = 0.01;
const GAP_GROWTH = Math.log(1.02);

/** Histogram bucket of an inter-token gap: geometric, 2 % wide, so that a quantile is within ±1 %; bucket 0 holds all gaps up to 10 µs. */
export function gapBucket(gapMs: number): number {
  return gapMs <= GAP_FLOOR_MS ? 0 : 1 + Math.floor(Math.log(gapMs / GAP_FLOOR_MS) / GAP_GROWTH);
}

/** Geometric midpoint of a bucket in ms: the inverse of {@link gapBucket} within ±1 %. */
export function gapOfBucketMs(bucket: number): number {
  return bucket === 0 ? GAP_FLOOR_MS : GAP_FLOOR_MS * Math.exp((bucket - 0.5) * GAP_GROWTH);
}

/** Result of an attack: counts of its requests, and its course. */
export interface AttackOutcome {
  /** Requests that got a response or a closed connection, or hung where a response was due. */
  readonly ended: number;
  /** Of these, requests correctly rejected: with 4xx, or by closing or refusing the connection without a response. */
  readonly rejected: number;
  /** Of the ended ones, requests answered wrongly, by the attack's own rules; absent where they were not counted. */
  readonly violations?: number;
  /** Absent where it was not counted. */
  readonly hold?: AttackHold;
  /** In order of time, 120 at most; absent where the course was not recorded. */
  readonly points?: readonly AttackPoint[];
}

/** How far an attack took hold: its connections, from its start to its end. */
export interface AttackHold {
  /** Connections that its parameters and its duration allow for, without any that it opens again. */
  readonly planned: number;
  /** Connections that the service, or what stands in front of it, accepted or refused. */
  readonly reached: number;
  /** Of these, connections that it answered, closed or rejected. */
  readonly handled: number;
  /** Connections for which the attacker's machine had no port, descriptor or memory. */
  readonly exhausted: number;
}

/** Connections of an attack at one instant; all counts but `open` are cumulative. */
export interface AttackPoint {
  /** Milliseconds since the start of the attack. */
  readonly atMs: number;
  /** Open at this instant. */
  readonly open: number;
  /** Closed by the server after being open for a while. */
  readonly closed: number;
  /** Not established, rejected at once, or answered with 4xx. */
  readonly rejected: number;
  /** Responses below 400. */
  readonly served: number;
}
