import type { Verdict } from './output.ts';

/**
 * Why an attempt failed.
 *
 * - `connect`, `connect-timeout`: no connection
 * - `reset`: the connection broke, or what came was not HTTP
 * - `first-byte-timeout`, `first-token-timeout`: nothing at all, or no output, in time
 * - `idle-timeout`: no further output in time
 * - `zombie`: no output on any stream of the upstream in time, see `upstream/zombies.ts`
 * - `deadline`: the deadline of the whole request passed
 * - `compute-deadline`: the request has computed for longer than the guard allows
 * - `status`: a status of 500 or above
 * - `rate-limited`: 429
 * - `rejected`: any other status beside 2xx that is not put down to the request, see {@link isClientError}
 * - `error`, `empty`, `malformed`: 2xx, but the response began with an error, ended without output, or is no completion
 */
export type Failure =
  | 'connect'
  | 'connect-timeout'
  | 'reset'
  | 'first-byte-timeout'
  | 'first-token-timeout'
  | 'idle-timeout'
  | 'zombie'
  | 'deadline'
  | 'compute-deadline'
  | 'status'
  | 'rate-limited'
  | 'rejected'
  | Exclude<Verdict, 'output' | undefined>;

/** Status, code and message of a failure for which there is no response of the upstream to relay. */
export const FAILURES: Readonly<Record<Failure, readonly [status: number, code: string, message: string]>> = {
  connect: [502, 'upstream_unreachable', 'Cannot connect to the upstream.'],
  'connect-timeout': [504, 'upstream_connect_timeout', 'Connecting to the upstream timed out.'],
  reset: [502, 'upstream_reset', 'The upstream closed the connection before its response was complete.'],
  'first-byte-timeout': [504, 'upstream_timeout', 'The upstream did not send a first byte in time.'],
  'first-token-timeout': [504, 'upstream_first_token_timeout', 'The upstream did not send a first token in time.'],
  'idle-timeout': [504, 'upstream_idle_timeout', 'The upstream stalled in the middle of its response.'],
  zombie: [504, 'upstream_stalled', 'The upstream has stopped producing output.'],
  deadline: [504, 'deadline_exceeded', 'The deadline of the request has passed.'],
  'compute-deadline': [504, 'compute_deadline_exceeded', 'The request has computed for longer than the limit.'],
  status: [502, 'upstream_error', 'The upstream reported that it is unavailable.'],
  'rate-limited': [429, 'upstream_rate_limited', 'The upstream limits the rate of requests.'],
  rejected: [502, 'upstream_rejected', 'The upstream rejected the request.'],
  error: [502, 'upstream_error', 'The upstream reported an error.'],
  empty: [502, 'upstream_empty', 'The upstream ended its response without a token.'],
  malformed: [502, 'upstream_malformed', 'The response of the upstream is not a completion.'],
};

/** Statuses that are put down to the request: relayed as they are, and neither for nor against the upstream. */
const CLIENT_ERRORS = new Set([400, 413, 422]);

/** Whether a status is put down to the request rather than to the upstream, so that another one would respond with the same. */
export function isClientError(status: number): boolean {
  return CLIENT_ERRORS.has(status);
}

/** Failure that a status stands for; undefined for 2xx and for the client's own errors. */
export function failureOfStatus(status: number): Failure | undefined {
  if ((status >= 200 && status < 300) || isClientError(status)) return undefined;
  if (status >= 500) return 'status';
  return status === 429 ? 'rate-limited' : 'rejected';
}

/** Whether the upstream responded, so that its response can be relayed if no further attempt follows. */
export function isResponse(failure: Failure): boolean {
  return failure === 'status' || isDisputed(failure);
}

/** Whether the upstream took too long. */
export function isTimeout(failure: Failure): boolean {
  return failure === 'deadline' || failure.endsWith('-timeout');
}

const DISPUTED: ReadonlySet<Failure> = new Set(['rate-limited', 'rejected', 'error', 'empty', 'malformed']);

/**
 * Whether the request may be the cause as well as the upstream: such a failure is retried on other upstreams only, and counts against
 * the upstream once one of them has served the same request.
 */
export function isDisputed(failure: Failure): boolean {
  return DISPUTED.has(failure);
}
