import type { Outcome } from '../../../harness/requests.ts';

/** Progress of a request: connection not yet established, established without a response, or response begun. */
export type RequestPhase = 'connecting' | 'waiting' | 'receiving';

/** Error code of the client's connect timeout. */
export const CONNECT_TIMEOUT = 'SQUALL_CONNECT_TIMEOUT';
/** Error code of a response that is not HTTP. */
export const NOT_HTTP = 'SQUALL_NOT_HTTP';
/** Error code of a response that is incomplete because the server closed the connection (FIN). */
export const CONNECTION_ENDED = 'SQUALL_CONNECTION_ENDED';

const TIMED_OUT = new Set([CONNECT_TIMEOUT, 'ETIMEDOUT']);
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT']);
const OUT_OF_RESOURCES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/**
 * Outcome of a request that failed with a transport error.
 *
 * | phase | error | outcome |
 * |---|---|---|
 * | connecting | the generator has no sockets, files or local ports left | `dropped`: not the service's fault |
 * | connecting | timeout | `connect-timeout` |
 * | connecting | reset | `reset` |
 * | connecting | refused, unreachable, unknown host, TLS | `connection-refused` |
 * | waiting | closed or reset without a response | `reset` |
 * | receiving | closed (FIN), so the response is incomplete | `truncated` |
 * | receiving | connection reset (RST) | `reset` |
 * | any | not HTTP | `malformed` |
 */
export function outcomeOfError(error: Error, phase: RequestPhase): Outcome {
  const code = 'code' in error ? String(error.code) : '';
  if (phase === 'connecting') {
    if (OUT_OF_RESOURCES.has(code)) return 'dropped';
    if (TIMED_OUT.has(code)) return 'connect-timeout';
    return BROKEN.has(code) ? 'reset' : 'connection-refused';
  }
  if (code === NOT_HTTP) return 'malformed';
  if (phase === 'waiting' || BROKEN.has(code)) return 'reset';
  return 'truncated';
}
