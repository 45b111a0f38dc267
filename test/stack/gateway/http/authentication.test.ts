import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createAuthenticate } from '../../../../stack/gateway/http/authentication.ts';

const authenticate = createAuthenticate([hash('sha256', 'key-one'), hash('sha256', 'key-two').toUpperCase()]);

test.each([
  ['Bearer key-one', undefined],
  ['Bearer key-two', undefined],
  ['bearer key-one', undefined],
  ['Bearer key-three', 'invalid_api_key'],
  ['Bearer key-one ', 'missing_api_key'],
  ['Bearer ', 'missing_api_key'],
  ['Basic key-one', 'missing_api_key'],
  ['', 'missing_api_key'],
  [undefined, 'missing_api_key'],
])('authorization %j: %s', (header, code) => {
  const attempt = () => authenticate(header);
  if (code) expect(attempt).toThrow(expect.objectContaining({ status: 401, code }));
  else expect(attempt).not.toThrow();
});

test('the hash of a key is not accepted as a key', () => {
  expect(() => authenticate(`Bearer ${hash('sha256', 'key-one')}`)).toThrow();
});

test('without keys every request is accepted', () => {
  expect(() => createAuthenticate([])(undefined)).not.toThrow();
});
