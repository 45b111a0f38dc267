import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../until.ts';
import { type ControlProcess, send, startControl, TOKEN } from './fixtures/control-process.ts';

const SCALE = '/apis/apps/v1/namespaces/default/deployments/inference/scale';
const CHANGES = [
  ['PUT', '/v1/agent/service/register'],
  ['PUT', '/v1/agent/service/deregister/known'],
  ['PUT', '/v1/agent/check/pass/service:known'],
  ['PUT', '/v1/agent/check/warn/service:known'],
  ['PUT', '/v1/agent/check/fail/service:known'],
  ['PUT', SCALE],
  ['PATCH', SCALE],
  ['PUT', SCALE.replace('/scale', '/status')],
  ['PATCH', SCALE.replace('/scale', '/status')],
] as const;
const READS = ['/v1/agent/services', '/v1/catalog/services', '/v1/health/service/gpu', SCALE, '/metrics', '/readyz'];
const KNOWN = { ID: 'known', Name: 'gpu', Address: '127.0.0.1', Port: 4001, Check: { TTL: '1h', Status: 'passing' } };

const fetched: string[] = [];
// Checks of announced addresses reach it; it leads them elsewhere.
const announced = createServer((incoming, response) => {
  fetched.push(`announced${incoming.url}`);
  response.writeHead(302, { location: `http://127.0.0.1:${portOf(foreign)}/secret` }).end();
});
const foreign = createServer((_, response) => {
  fetched.push('foreign');
  response.end();
});
const portOf = (server: typeof foreign) => (server.address() as AddressInfo).port;
let control: ControlProcess;

beforeAll(async () => {
  for (const server of [announced, foreign]) await once(server.listen(0, '127.0.0.1'), 'listening');
  control = await startControl({
    announced: ['127.0.0.1:4001', `127.0.0.1:${portOf(announced)}`],
    deployments: [{ name: 'inference', replicas: 2 }],
  });
  expect((await register({})).status).toBe(200);
});
afterAll(async () => {
  await control.kill();
  announced.close();
  foreign.close();
});

const register = (fields: object) => send(`${control.url}/v1/agent/service/register`, 'PUT', { ...KNOWN, ...fields });
/** Status and body of a request with exactly these headers. */
async function raw(method: string, path: string, headers: Record<string, string>, body = '{}') {
  const sent = request(control.url + path, { method, headers, agent: false }).end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode as number, text };
}
const state = async () => {
  const [services, scale] = [
    await send(`${control.url}/v1/health/service/gpu`, 'GET'),
    await send(control.url + SCALE, 'GET'),
  ];
  return [services.json[0].Checks[1].Status, services.json.length, scale.json.spec, scale.json.status];
};

test.each(CHANGES)('%s %s needs the token of the run', async (method, path) => {
  const before = await state();
  const type = { 'content-type': 'application/merge-patch+json' };
  const credentials = [
    {},
    { authorization: `Bearer ${TOKEN}x` },
    { authorization: `Basic ${btoa(`:${TOKEN}`)}` },
    { 'x-consul-token': '' },
    // The first of two counts, as in Consul.
    { 'x-consul-token': 'another', authorization: `Bearer ${TOKEN}` },
  ];
  for (const headers of credentials) {
    const { status, text } = await raw(method, path, { ...type, ...headers });
    expect([status, text]).toEqual([
      path.startsWith('/apis/') ? 401 : 403,
      expect.stringContaining('token of this run'),
    ]);
    expect(text).not.toContain(TOKEN);
  }
  expect((await raw(method, `${path}?token=${TOKEN}`, type)).status, 'not in the URL, which is logged').toBeOneOf([
    401, 403,
  ]);
  expect(await state()).toEqual(before);
  for (const headers of [{ 'x-consul-token': TOKEN }, { authorization: `Bearer ${TOKEN}` }])
    expect((await raw(method, path, { ...type, ...headers })).status).not.toBeOneOf([401, 403]);
  await register({});
});

test('no page of another site is served, whatever it knows', async () => {
  const token = { 'x-consul-token': TOKEN };
  for (const [method, path] of [...CHANGES, ...READS.map(read => ['GET', read] as const)]) {
    for (const host of ['evil.example', `evil.example:${control.port}`, '0.0.0.0']) {
      const { status, text } = await raw(method, path, { ...token, host });
      expect([path, status, text]).toEqual([path, 403, expect.stringContaining('is not a name of this listener')]);
    }
    expect((await raw(method, path, { ...token, origin: 'http://evil.example' })).status).toBe(403);
  }
  for (const host of ['localhost', `127.0.0.1:${control.port}`, '[::1]'])
    expect((await raw('GET', '/v1/health/service/gpu', { host })).status, host).toBe(200);
});

test.each([
  [{ Address: '10.0.0.1' }, '10.0.0.1:4001'],
  [{ Port: 4002 }, '127.0.0.1:4002'],
  [{ Address: 'evil.example', Port: 80 }, 'evil.example:80'],
  [{ Address: '', Port: 4002 }, '127.0.0.1:4002'],
  [{ TaggedAddresses: { 'zone-a': { Address: '10.0.0.1', Port: 4001 } } }, '10.0.0.1:4001'],
  [{ Check: { HTTP: 'http://169.254.169.254/latest', Interval: '1s' } }, '169.254.169.254:80'],
  [{ Checks: [{ HTTP: 'http://127.0.0.1:4001@evil.example/', Interval: '1s' }] }, 'evil.example:80'],
  [{ Check: { HTTP: 'https://evil.example', Interval: '1s' } }, 'evil.example:443'],
])('a registration of %j is refused, since %s is not of the stack', async (fields, address) => {
  const { status, text } = await register({ ID: 'other', Check: undefined, ...fields });
  expect([status, text]).toEqual([403, `Permission denied: ${address} is not an address of this stack`]);
  expect((await send(`${control.url}/v1/agent/services`, 'GET')).json.other).toBeUndefined();
});

test('a check follows no redirect, and a timeout beyond what timers hold is no loop', async () => {
  const url = `http://127.0.0.1:${portOf(announced)}`;
  const check = { HTTP: `${url}/ready`, Interval: '50ms', Timeout: '9999h' };
  const slow = { CheckID: 'slow', HTTP: `${url}/slow`, Interval: '9999h' };
  expect((await register({ ID: 'checked', Name: 'checked', Check: undefined, Checks: [check, slow] })).status).toBe(
    200,
  );
  await until(() => fetched.length >= 5);
  const [entry] = (await send(`${control.url}/v1/health/service/checked`, 'GET')).json;
  expect(entry.Checks[1]).toMatchObject({ Status: 'critical', Output: 'HTTP GET: 302' });
  expect(new Set(fetched)).toEqual(new Set(['announced/ready']));
});
