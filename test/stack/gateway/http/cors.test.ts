import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { chat } from '../fixtures/gateway-process.ts';
import { type ScriptedUpstream, startUpstream } from '../fixtures/scripted-upstream.ts';

const HERE = 'https://chat.example';
const hash = '0'.repeat(64);
let upstream: ScriptedUpstream;

beforeAll(async () => {
  // Some model servers allow everybody, and are not asked here.
  upstream = await startUpstream(response =>
    response
      .writeHead(200, { 'access-control-allow-origin': '*', 'content-type': 'application/json' })
      .end('{"choices":[{"message":{"content":"hi"}}]}'),
  );
});
afterAll(() => upstream[Symbol.asyncDispose]());

const start = (more: Partial<Parameters<typeof startInside>[0]>) =>
  startInside({ upstreams: [{ name: 'one', url: upstream.url }], ...more }, systemClock);
const preflight = (url: string, headers: Record<string, string>, path = '/v1/chat/completions') =>
  fetch(`${url}${path}`, { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST', ...headers } });
const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'));

it('allows pages of the listed origins alone, whatever the upstream says', async () => {
  await using gateway = await start({ cors: { origins: [HERE], maxAgeMs: 60_000 } });
  expect(corsOf(await chat(gateway, { headers: { origin: HERE } }))).toEqual({
    'access-control-allow-origin': HERE,
    'access-control-expose-headers': '*',
    vary: 'Origin',
  });
  expect(corsOf(await chat(gateway, { headers: { origin: 'https://evil.example' } }))).toEqual({ vary: 'Origin' });
  expect(corsOf(await chat(gateway))).toEqual({ vary: 'Origin' });
});

it('responds to preflights without a key, and for the same time as configured', async () => {
  await using gateway = await start({ cors: { origins: [HERE], maxAgeMs: 60_000 }, apiKeyHashes: [hash] });
  const response = await preflight(gateway.url, {
    origin: HERE,
    'access-control-request-headers': 'authorization,content-type',
  });
  expect(response.status).toBe(204);
  expect(corsOf(response)).toEqual({
    'access-control-allow-origin': HERE,
    'access-control-expose-headers': '*',
    'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
    'access-control-allow-headers': 'authorization,content-type',
    'access-control-max-age': '60',
    vary: 'Origin',
  });
  const refused = await preflight(gateway.url, { origin: 'https://evil.example' });
  expect([refused.status, corsOf(refused)]).toEqual([403, { vary: 'Origin' }]);
  expect((await preflight(gateway.url, { origin: HERE, 'access-control-request-headers': 'a b' })).status).toBe(400);
  // Probes and metrics are nobody's business, and a path that is none stays one.
  expect((await preflight(gateway.url, { origin: HERE }, '/metrics')).status).toBe(405);
  expect((await preflight(gateway.url, { origin: HERE }, '/nothing')).status).toBe(404);
  // Errors can be read too.
  const unauthorized = await chat(gateway, { headers: { origin: HERE } });
  expect([unauthorized.status, unauthorized.headers.get('access-control-allow-origin')]).toEqual([401, HERE]);
});

it('allows any page with *, and leaves everything as it is while off', async () => {
  await using open = await start({ cors: { origins: '*' } });
  expect(corsOf(await chat(open, { headers: { origin: HERE } }))).toEqual({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': '*',
  });
  await using off = await start({});
  expect(corsOf(await chat(off, { headers: { origin: HERE } }))).toEqual({ 'access-control-allow-origin': '*' });
  expect((await preflight(off.url, { origin: HERE })).status).toBe(405);
});

it.each([
  ['chat.example', /cors\.origins/],
  ['https://chat.example/', /cors\.origins/],
  ['null', /cors\.origins/],
  ['https://chat.example/path', /cors\.origins/],
])('refuses %j as an origin', (origin, message) => {
  const text = JSON.stringify({ upstreams: [], cors: { origins: [origin] } });
  expect(() => parseGatewayConfig(text)).toThrow(message);
});
