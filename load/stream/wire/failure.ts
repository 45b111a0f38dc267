import type { Outcome } from '../../../harness/requests.ts';

/** Progress of a request: connection not yet established, established without a response, or response begun. */
export type RequestPhase = 'connecting' | 'waiting' | 'receiving';

/** Error code of the client's connect timeout. */
export const CONNECT_TIMEOUT = 'SQUALL_CONNECT_TIMEOUT';
/** Error code of a response that is not HTTP. */
export const NOT_HTTP = 'SQUALL_NOT_HTTP';
/** The same, of a server that speaks HTTP/2, and nothing else to a client that did not ask for it. */
export const ONLY_HTTP2 = 'SQUALL_ONLY_HTTP2';
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
  if (code === NOT_HTTP || code === ONLY_HTTP2) return 'malformed';
  if (phase === 'waiting' || BROKEN.has(code)) return 'reset';
  return 'truncated';
}

/** Whether bytes are a frame that begins a connection of HTTP/2 or ends it: SETTINGS or GOAWAY of the whole connection (RFC 9113, section 4.1). */
export function isHttp2Frame(bytes: Uint8Array): boolean {
  const [high, , , type] = bytes;
  return (
    bytes.length >= 9 && high === 0 && (type === 4 || type === 7) && bytes.subarray(5, 9).every(byte => byte === 0)
  );
}
