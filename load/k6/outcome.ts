import type { Outcome } from '../../harness/requests.ts';
import type { Answer } from './lines.ts';

// k6's error codes (lib/netext/httpext/error_codes.go).
const TIMEOUT = 1050;
const BROKEN = new Set([1201, 1202, 1220]);
const DIAL_TIMEOUT = 1211;
const BADLY_PACKED = 1701;
/** Below: name resolution and other reasons for which no connection came about; above TCP: TLS. */
const NO_CONNECTION = [1010, 1020, 1100, 1101, 1110, 1111, 1210, 1212, 1213, 1300, 1301, 1310, 1311];

/**
 * What k6's answer says about the request, in the words of the journal.
 *
 * k6 has one timeout, for the whole answer, and its own for connecting (30 s). A request that ran into the former is
 * `connect-timeout` when not a byte of it had been sent, else `idle-timeout`. A body that breaks off leaves no status, so an
 * error status whose body breaks off counts as the latter.
 */
export function outcomeOfAnswer(answer: Answer): Outcome {
  const { status, errorCode, error, isSent, body } = answer;
  if (/too many open files|cannot assign requested address|no buffer space/.test(error)) return 'dropped';
  if (status > 0) return body === '' ? 'http-status' : body;
  if (errorCode === DIAL_TIMEOUT) return 'connect-timeout';
  if (errorCode === TIMEOUT) return isSent ? 'idle-timeout' : 'connect-timeout';
  if (NO_CONNECTION.includes(errorCode)) return 'connection-refused';
  if (BROKEN.has(errorCode)) return 'reset';
  if (error.includes('unexpected EOF')) return 'truncated';
  if (errorCode === BADLY_PACKED || /malformed HTTP|bad status|invalid header/i.test(error)) return 'malformed';
  return isSent ? 'reset' : 'connection-refused';
}
