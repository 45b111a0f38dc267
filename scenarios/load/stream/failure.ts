import type { Outcome } from '../../../harness/requests.ts';

/** How far a request had come: its connection not yet made, made but no answer yet, or an answer begun. */
export type RequestPhase = 'connecting' | 'waiting' | 'answering';

/** Code of the error that the client's own connect timeout raises. */
export const CONNECT_TIMEOUT = 'SQUALL_CONNECT_TIMEOUT';

const TIMED_OUT = new Set([CONNECT_TIMEOUT, 'ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT']);
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
 * | connecting | refused, unreachable, unknown host, TLS | `refused` |
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
    return BROKEN.has(code) ? 'reset' : 'refused';
  }
  // undici's parser errors carry no code; llhttp calls an end in the middle "Invalid EOF state".
  const isParserError = error.name === 'HTTPParserError' && !error.message.includes('EOF');
  if (isParserError || code === 'UND_ERR_HEADERS_OVERFLOW') return 'malformed';
  if (phase === 'waiting' || BROKEN.has(code)) return 'reset';
  return 'truncated';
}
