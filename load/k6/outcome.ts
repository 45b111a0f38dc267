import type { Outcome } from '../../harness/requests.ts';
import type { K6Response } from './lines.ts';

// k6's error codes (lib/netext/httpext/error_codes.go).
const TIMEOUT = 1050;
const BROKEN = new Set([1201, 1202, 1220]);
const DIAL_TIMEOUT = 1211;
const BAD_COMPRESSION = 1701;
/** Name resolution, TCP and TLS errors that prevent a connection. */
const NO_CONNECTION = [1010, 1020, 1100, 1101, 1110, 1111, 1210, 1212, 1213, 1300, 1301, 1310, 1311];

/**
 * Outcome of a request from k6's response.
 *
 * k6 has one timeout, for the whole response, and a fixed one for connecting (30 s). A request that exceeds the former is
 * `connect-timeout` if no byte of it was sent, else `idle-timeout`. An incomplete body leaves no status, so an error status with an
 * incomplete body counts as the latter.
 */
export function outcomeOfResponse({ status, errorCode, error, isSent, body }: K6Response): Outcome {
  if (/too many open files|cannot assign requested address|no buffer space/.test(error)) return 'dropped';
  if (status > 0) return body === '' ? 'http-status' : body;
  if (errorCode === DIAL_TIMEOUT) return 'connect-timeout';
  if (errorCode === TIMEOUT) return isSent ? 'idle-timeout' : 'connect-timeout';
  if (NO_CONNECTION.includes(errorCode)) return 'connection-refused';
  if (BROKEN.has(errorCode)) return 'reset';
  if (error.includes('unexpected EOF')) return 'truncated';
  if (errorCode === BAD_COMPRESSION || /malformed HTTP|bad status|invalid header/i.test(error)) return 'malformed';
  return isSent ? 'reset' : 'connection-refused';
}
