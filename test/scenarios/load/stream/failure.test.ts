import { expect, it } from 'vitest';
import type { Outcome } from '../../../../harness/requests.ts';
import { outcomeOfError, type RequestPhase } from '../../../../scenarios/load/stream/failure.ts';

const named = (name: string, message = '') => Object.assign(new Error(message), { name });
const coded = (code: string) => Object.assign(new Error(code), { code });

it.each<[RequestPhase, Error, Outcome]>([
  ['connecting', coded('ECONNREFUSED'), 'refused'],
  ['connecting', coded('EHOSTUNREACH'), 'refused'],
  ['connecting', coded('ENOTFOUND'), 'refused'],
  ['connecting', coded('ECONNRESET'), 'reset'],
  ['connecting', coded('ETIMEDOUT'), 'connect-timeout'],
  // The generator ran out of what it needs to send; that must never be blamed on the service.
  ['connecting', coded('EMFILE'), 'dropped'],
  ['connecting', coded('EADDRNOTAVAIL'), 'dropped'],
  ['waiting', coded('UND_ERR_SOCKET'), 'reset'],
  ['waiting', coded('EPIPE'), 'reset'],
  ['waiting', named('HTTPParserError', 'Expected HTTP/'), 'malformed'],
  ['waiting', named('HTTPParserError', 'Invalid EOF state'), 'reset'],
  ['answering', coded('UND_ERR_SOCKET'), 'truncated'],
  ['answering', coded('UND_ERR_RES_CONTENT_LENGTH_MISMATCH'), 'truncated'],
  ['answering', coded('ECONNRESET'), 'reset'],
  ['answering', coded('ETIMEDOUT'), 'reset'],
  ['answering', named('HTTPParserError', 'Invalid EOF state'), 'truncated'],
  ['answering', named('HTTPParserError', 'Invalid character in chunk size'), 'malformed'],
])('%s, %s: %s', (phase, error, outcome) => {
  expect(outcomeOfError(error, phase)).toBe(outcome);
});
