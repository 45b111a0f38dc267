import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../until.ts';
import { type ControlProcess, send, startControl } from './fixtures/control-process.ts';

let control: ControlProcess;
const call = (method: string, path: string, body?: unknown) => send(control.url + path, method, body);
const register = (body: unknown) => call('PUT', '/v1/agent/service/register', body);
const passing = async (name: string) =>
  (await call('GET', `/v1/health/service/${name}?passing`)).json.map(
    (entry: { Service: { ID: string } }) => entry.Service.ID,
  );

beforeAll(async () => {
  control = await startControl({ minDeregisterMs: 0 });
});
afterAll(() => control.kill());

test('an instance registers, is listed in Consul’s formats, and deregisters', async () => {
  const body = { ID: 'web-1', Name: 'web', Address: '127.0.0.9', Port: 80, Tags: ['v1'], Meta: { zone: 'a' } };
  const registered = await register({ ...body, Check: { TTL: '30s', Notes: 'n' } });
  expect([registered.status, registered.text]).toEqual([200, '']);
  expect((await call('GET', '/v1/agent/services')).json['web-1']).toMatchObject({
    ...{ ID: 'web-1', Service: 'web', Tags: ['v1'], Meta: { zone: 'a' }, Port: 80, Address: '127.0.0.9' },
    Weights: { Passing: 1, Warning: 1 },
    Datacenter: 'dc1',
  });
  expect((await call('GET', '/v1/catalog/services')).json.web).toEqual(['v1']);
  const [catalogued] = (await call('GET', '/v1/catalog/service/web')).json;
  expect(catalogued).toMatchObject({
    ServiceID: 'web-1',
    ServiceAddress: '127.0.0.9',
    ServicePort: 80,
    Node: 'control',
  });
  const health = await call('GET', '/v1/health/service/web');
  expect(health.json[0].Checks).toMatchObject([
    { CheckID: 'serfHealth', Status: 'passing' },
    { CheckID: 'service:web-1', Status: 'critical', Type: 'ttl', Notes: 'n', ServiceName: 'web', ServiceTags: ['v1'] },
  ]);
  expect(Number(health.headers.get('x-consul-index'))).toBeGreaterThan(0);
  expect(health.headers.get('x-consul-knownleader')).toBe('true');
  expect(await passing('web')).toEqual([]);
  expect((await call('PUT', '/v1/agent/check/pass/service:web-1?note=fine')).status).toBe(200);
  expect(await passing('web')).toEqual(['web-1']);
  for (const state of ['warn', 'fail']) {
    await call('PUT', `/v1/agent/check/${state}/service:web-1`);
    expect(await passing('web')).toEqual([]);
  }
  expect((await call('PUT', '/v1/agent/service/deregister/web-1')).status).toBe(200);
  expect((await call('GET', '/v1/catalog/service/web')).json).toEqual([]);
  expect((await call('GET', '/v1/status/leader')).json).toMatch(/^[\d.]+:8300$/);
});

test.each([
  ['PUT', '/v1/agent/service/deregister/unknown', undefined, 404, 'Unknown service ID "unknown"'],
  ['PUT', '/v1/agent/check/pass/unknown', undefined, 404, 'Unknown check ID "unknown"'],
  ['PUT', '/v1/agent/service/register', {}, 400, 'Missing service name'],
  ['PUT', '/v1/agent/service/register', 'no object', 400, 'Request decode failed'],
  ['GET', '/v1/agent/service/register', undefined, 405, 'method GET not allowed'],
  ['GET', '/v1/health/service/web?passing=maybe', undefined, 400, 'Invalid value for ?passing'],
  ['GET', '/v1/health/service/web?index=-1', undefined, 400, 'Invalid index'],
  ['GET', '/v1/health/service/web?index=1&wait=long', undefined, 400, 'Invalid wait'],
  ['GET', '/v1/health/service/%E0%A4%A', undefined, 400, 'percent-encoding'],
  ['GET', '/v2', undefined, 404, 'Not found'],
])('%s %s fails as in Consul', async (method, path, body, status, text) => {
  const response = await call(method, path, body);
  expect([response.status, response.text]).toEqual([status, expect.stringContaining(text)]);
});

test('a dead instance becomes critical after its TTL, then is deregistered', async () => {
  const check = { TTL: '200ms', Status: 'passing', DeregisterCriticalServiceAfter: '300ms' };
  await register({ Name: 'expiring', Port: 1, Check: check });
  expect(await passing('expiring')).toEqual(['expiring']);
  expect(await until(async () => (await passing('expiring')).length === 0)).toBeLessThan(1500);
  expect((await call('GET', '/v1/health/service/expiring')).json[0].Checks[1].Output).toContain('TTL expired');
  expect(await until(async () => (await call('GET', '/v1/health/service/expiring')).json.length === 0)).toBeLessThan(
    1500,
  );
});

test('an HTTP check is passing for 2xx, warning for 429, critical for other statuses and timeouts', async () => {
  let code = 200;
  const server = createServer((_, response) => {
    if (code > 0) response.writeHead(code).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await register({ Name: 'checked', Port: 1, Check: { HTTP: url, Interval: '40ms', Timeout: '100ms' } });
  const status = async () => (await call('GET', '/v1/health/service/checked')).json[0].Checks[1].Status;
  for (const [next, expected] of [
    [200, 'passing'],
    [429, 'warning'],
    [503, 'critical'],
    [204, 'passing'],
    [0, 'critical'],
  ] as const) {
    code = next;
    expect(await until(async () => (await status()) === expected), `${next}`).toBeLessThan(2000);
  }
  const rejected = await call('PUT', '/v1/agent/check/pass/service:checked');
  expect([rejected.status, rejected.text]).toEqual([500, 'CheckID "service:checked" does not have associated TTL']);
  await call('PUT', '/v1/agent/service/deregister/checked');
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

describe('a blocking query', () => {
  const query = async (name: string, parameters: string) => {
    const startMs = performance.now();
    const { headers, json } = await call('GET', `/v1/health/service/${name}?${parameters}`);
    return { index: Number(headers.get('x-consul-index')), json, tookMs: performance.now() - startMs };
  };

  test('blocks until something changes', async () => {
    await register({ Name: 'watched', Port: 1, Check: { TTL: '30s' } });
    const { index } = await query('watched', '');
    const waiting = query('watched', `index=${index}&wait=20s`);
    await new Promise(resolve => setTimeout(resolve, 300));
    await call('PUT', '/v1/agent/check/pass/service:watched');
    const response = await waiting;
    // Not before the change at 300 ms, and not at the end of the wait.
    expect(response.tookMs).toBeGreaterThan(290);
    expect(response.tookMs).toBeLessThan(5000);
    expect(response.index).toBeGreaterThan(index);
    expect(response.json[0].Checks[1].Status).toBe('passing');
  });

  test('returns the same index after the wait plus at most a sixteenth when nothing changes', async () => {
    const { index } = await query('watched', '');
    const response = await query('watched', `index=${index}&wait=320ms`);
    expect(response.index).toBe(index);
    expect(response.tookMs).toBeGreaterThan(310);
    expect(response.tookMs).toBeLessThan(1500);
  });

  test('is not woken by other services or by heartbeats that repeat the status', async () => {
    const { index } = await query('watched', '');
    const waiting = query('watched', `index=${index}&wait=500ms`);
    await register({ Name: 'other', Port: 1 });
    await call('PUT', '/v1/agent/check/pass/service:watched');
    expect((await waiting).tookMs).toBeGreaterThan(480);
  });

  test('returns at once for an index from before a restart', async () => {
    const { index } = await query('watched', '');
    const response = await query('watched', `index=${index + 1000}&wait=20s`);
    expect(response.tookMs).toBeLessThan(5000);
    expect(response.index).toBe(index);
  });

  test('does not prevent the program from exiting', async () => {
    await using other = await startControl();
    const waiting = fetch(`${other.url}/v1/health/service/x?index=1&wait=60s`).catch(() => {});
    await new Promise(resolve => setTimeout(resolve, 100));
    const ended = once(other.child, 'exit');
    other.child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
    await waiting;
  });
});

test('exposes probes and metrics', async () => {
  expect((await call('GET', '/healthz')).status).toBe(200);
  expect((await call('GET', '/readyz')).status).toBe(200);
  const metrics = (await call('GET', '/metrics')).text;
  expect(metrics).toMatch(/control_services\{service="watched",status="passing"\} 1/);
  expect(metrics).toMatch(/control_reaped_total 1/);
  expect(metrics).toMatch(/control_requests_total\{route="\/v1\/agent\/service\/register",status="200"\}/);
});
