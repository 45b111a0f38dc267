import type { Outcome } from '../../../harness/requests.ts';

/** How far a request had come: its connection not yet made, made but no answer yet, or an answer begun. */
export type RequestPhase = 'connecting' | 'waiting' | 'answering';

/** Code of the error that the client's own connect timeout raises. */
export const CONNECT_TIMEOUT = 'SQUALL_CONNECT_TIMEOUT';

/** Code of the error for an answer that is not HTTP. */
export const NOT_HTTP = 'SQUALL_NOT_HTTP';
/** Code of the error for an answer that has no end, because the server closed the connection (FIN). */
export const CONNECTION_ENDED = 'SQUALL_CONNECTION_ENDED';

const TIMED_OUT = new Set([CONNECT_TIMEOUT, 'ETIMEDOUT']);
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT']);
const OUT_OF_RESOURCES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/**
 * What an error of the transport says about the request.
 *
 * | phase | error | outcome |
 * |---|---|---|
 * | connecting | no sockets, files or local ports left here | `dropped`: the generator's fault, not the service's |
 * | connecting | timeout | `connect-timeout` |
 * | connecting | reset | `reset` |
 * | connecting | refused, unreachable, unknown host, TLS | `connection-refused` |
 * | waiting | closed or reset without an answer | `reset` |
 * | answering | connection closed (FIN), so the answer has no end | `truncated` |
 * | answering | connection reset (RST) | `reset` |
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
