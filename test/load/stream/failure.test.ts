import { expect, it } from 'vitest';
import type { Outcome } from '../../../harness/requests.ts';
import { CONNECTION_ENDED, NOT_HTTP, outcomeOfError, type RequestPhase } from '../../../load/stream/wire/failure.ts';

const coded = (code: string) => Object.assign(new Error(code), { code });

it.each<[RequestPhase, Error, Outcome]>([
  ['connecting', coded('ECONNREFUSED'), 'connection-refused'],
  ['connecting', coded('EHOSTUNREACH'), 'connection-refused'],
  ['connecting', coded('ENOTFOUND'), 'connection-refused'],
  ['connecting', coded('ECONNRESET'), 'reset'],
  ['connecting', coded('ETIMEDOUT'), 'connect-timeout'],
  // The generator ran out of what it needs to send; that must never be blamed on the service.
  ['connecting', coded('EMFILE'), 'dropped'],
  ['connecting', coded('EADDRNOTAVAIL'), 'dropped'],
  ['waiting', coded(CONNECTION_ENDED), 'reset'],
  ['waiting', coded('EPIPE'), 'reset'],
  ['waiting', coded(NOT_HTTP), 'malformed'],
  ['receiving', coded(CONNECTION_ENDED), 'truncated'],
  ['receiving', coded('ECONNRESET'), 'reset'],
  ['receiving', coded('ETIMEDOUT'), 'reset'],
  ['receiving', coded(NOT_HTTP), 'malformed'],
])('%s, %s: %s', (phase, error, outcome) => {
  expect(outcomeOfError(error, phase)).toBe(outcome);
});
