import { expect, it } from 'vitest';
import { redirectOf } from '../../../load/stream/redirect.ts';

const origin = 'https://llm.test:8443';
const asked = (status: number, location?: string, method = 'POST') =>
  redirectOf({ status, location, method, origin, path: '/team/v1/chat/completions?api-version=1' });

it.each<[number, string, string, boolean]>([
  [307, '/v2/chat?x=1', '/v2/chat?x=1', false],
  [308, `${origin}/v2/chat`, '/v2/chat', true],
  [307, './completions/', '/team/v1/chat/completions/', false],
  [308, '//llm.test:8443/a', '/a', true],
  [307, '?b=2', '/team/v1/chat/completions?b=2', false],
])('%i to %s is followed within the origin', (status, location, path, isPermanent) => {
  expect(asked(status, location)).toEqual({ path, isPermanent });
});

it.each<[number, string | undefined, string, RegExp]>([
  [307, 'https://other.test/v1', 'POST', /other\.test\/v1.*another origin/],
  [308, 'http://llm.test:8443/v1', 'POST', /another origin/],
  [307, 'https://llm.test/v1', 'GET', /another origin/],
  [301, '/v2', 'POST', /\(301\) to \/v2.*GET instead of the POST/],
  [302, '/v2', 'POST', /GET instead of the POST/],
  [303, '/v2', 'PUT', /GET instead of the PUT/],
  [307, undefined, 'POST', /without a usable Location/],
  [307, 'http://[', 'POST', /without a usable Location/],
])('%i to %s of a %s... is a failure that says why', (status, location, method, why) => {
  expect(asked(status, location, method)).toMatch(why);
});

it.each([301, 302, 303, 307, 308])('%i of a GET is followed', status => {
  expect(asked(status, '/v2', 'GET')).toMatchObject({ path: '/v2' });
});

it.each([200, 300, 304, 404, 503])('%i is no redirect', status => {
  expect(asked(status, '/v2')).toBeUndefined();
});
