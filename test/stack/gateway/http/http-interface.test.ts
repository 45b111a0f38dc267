import { hash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../../until.ts';
import { chat, type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { rawClient } from '../fixtures/raw-client.ts';
import { responds, type ScriptedUpstream, startUpstream } from '../fixtures/scripted-upstream.ts';

const KEY = 'sk-test';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
let upstream: ScriptedUpstream;
let gateway: GatewayProcess;

beforeAll(async () => {
  upstream = await startUpstream(responds());
  gateway = await startGateway({
    name: 'front',
    models: ['tiny'],
    upstreams: [{ name: 'one', url: upstream.url }],
    apiKeyHashes: [hash('sha256', KEY)],
    healthChecks: 'off',
    maxBodyBytes: 2000,
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const authorization = `Bearer ${KEY}`;
const hi = '[{"role":"user","content":"hi"}]';

describe('errors', () => {
  const post = (body: string, headers: Record<string, string> = { authorization }) => ({
    method: 'POST',
    body,
    headers,
  });
  const ok = `{"model":"tiny","messages":${hi}}`;
  test.each<[string, string, RequestInit, number, string, string | null]>([
    ['no key', '/v1/chat/completions', post(ok, {}), 401, 'missing_api_key', null],
    ['wrong key', '/v1/chat/completions', post(ok, { authorization: 'Bearer x' }), 401, 'invalid_api_key', null],
    ['no key for models', '/v1/models', {}, 401, 'missing_api_key', null],
    ['no JSON', '/v1/chat/completions', post('{'), 400, 'invalid_json', null],
    ['no object', '/v1/chat/completions', post('[]'), 400, 'invalid_json', null],
    ['no body', '/v1/chat/completions', post(''), 400, 'invalid_json', null],
    ['no model', '/v1/chat/completions', post(`{"messages":${hi}}`), 400, 'invalid_value', 'model'],
    ['no messages', '/v1/chat/completions', post('{"model":"tiny"}'), 400, 'invalid_value', 'messages'],
    [
      'empty messages',
      '/v1/chat/completions',
      post('{"model":"tiny","messages":[]}'),
      400,
      'invalid_value',
      'messages',
    ],
    ['no prompt', '/v1/completions', post('{"model":"tiny"}'), 400, 'invalid_value', 'prompt'],
    ['odd stream', '/v1/completions', post('{"model":"tiny","prompt":"x","stream":1}'), 400, 'invalid_value', 'stream'],
    [
      'odd deadline',
      '/v1/completions',
      post(ok, { authorization, 'x-request-timeout-ms': '-1' }),
      400,
      'invalid_timeout',
      null,
    ],
    ['unknown model', '/v1/completions', post('{"model":"big","prompt":"x"}'), 404, 'model_not_found', 'model'],
    ['unknown path', '/v1/images', post(ok), 404, 'not_found', null],
    ['wrong method', '/v1/chat/completions', { headers: { authorization } }, 405, 'method_not_allowed', null],
    ['wrong method for models', '/v1/models', post(ok), 405, 'method_not_allowed', null],
    ['large body', '/v1/chat/completions', post('x'.repeat(2001)), 413, 'body_too_large', null],
  ])('%s', async (_name, path, init, status, code, param) => {
    const before = upstream.received.length;
    const response = await fetch(gateway.url + path, init);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    const { error } = (await response.json()) as { error: unknown };
    expect(error).toEqual({ message: expect.any(String), type: 'invalid_request_error', param, code });
    expect(upstream.received).toHaveLength(before);
  });

  test('a large body of unknown length', async () => {
    const body = new ReadableStream({
      pull: async controller => {
        await new Promise(resolve => setTimeout(resolve, 5));
        controller.enqueue(new Uint8Array(1500));
      },
    });
    const init = { method: 'POST', body, headers: { authorization }, duplex: 'half' } as RequestInit;
    // The body never ends, so the response must be sent before it is complete.
    expect((await fetch(`${gateway.url}/v1/completions`, init)).status).toBe(413);
  });

  test('input that is not HTTP', async () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write('nonsense\r\n\r\n');
    const response = await new Promise<string>(resolve => socket.once('data', data => resolve(String(data))));
    expect(response).toContain('400 Bad Request');
    expect(response).toContain('"code":"bad_request"');
  });
});

test('serves probes and models', async () => {
  const get = async (path: string) => (await fetch(gateway.url + path, { headers: { authorization } })).json();
  expect(await get('/healthz')).toEqual({ status: 'live' });
  expect(await get('/readyz')).toEqual({ status: 'ready' });
  const model = { id: 'tiny', object: 'model', created: 0, owned_by: 'front' };
  expect(await get('/v1/models')).toEqual({ object: 'list', data: [model] });
});

test('the body is forwarded unchanged, the key is withheld, and the trace continues in a child span', async () => {
  const body = `{ "model":"tiny",  "messages":${hi}, "nonstandard": 1.50 }`;
  const headers = {
    authorization,
    traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
    tracestate: 'a=b',
    'x-request-id': 'mine',
  };
  const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body, headers });
  expect(response.status).toBe(200);
  expect(response.headers.get('x-request-id')).toBe('mine');
  const received = upstream.received.at(-1)!;
  expect(received.body).toBe(body);
  expect(received.headers).toMatchObject({ 'x-request-id': 'mine', tracestate: 'a=b' });
  expect(received.headers.authorization).toBeUndefined();
  expect(received.headers.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
  // A state without its trace belongs to none.
  await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    body,
    headers: { ...headers, traceparent: '00-0' },
  });
  expect(upstream.received.at(-1)!.headers.tracestate).toBeUndefined();
  const line = () => gateway.log.find(candidate => candidate.requestId === 'mine');
  expect(await until(() => line() !== undefined)).toBeLessThan(3000);
  expect(line()).toMatchObject({ traceId: TRACE, status: 200, attempts: 1, upstream: 'one', outcome: 'completed' });
  expect(JSON.stringify(gateway.log)).not.toContain(KEY);
});

test('requests and attempts are counted', async () => {
  const labels = 'route="/v1/chat/completions",status="200"';
  const before = await metric(gateway, 'gateway_requests_total', labels);
  await (await chat(gateway, { headers: { authorization } })).text();
  expect(await metric(gateway, 'gateway_requests_total', labels)).toBe(before + 1);
  expect(await metric(gateway, 'gateway_upstream_requests_total', 'upstream="one",outcome="2xx"')).toBe(before + 1);
  expect(await metric(gateway, 'gateway_requests_in_flight')).toBe(0);
});

test.each([
  ['host', 'host: other'],
  ['authorization', 'Authorization: Bearer other'],
])('a request with two headers %s is refused, whichever is meant', async (name, line) => {
  const head = `GET /v1/models HTTP/1.1\r\nhost: one\r\nauthorization: ${authorization}\r\nconnection: close\r\n`;
  using plain = rawClient(gateway, `${head}\r\n`);
  using twice = rawClient(gateway, `${head}${line}\r\n\r\n`);
  await Promise.all([plain.closed(3000), twice.closed(3000)]);
  expect(plain.received()).toMatch(/^HTTP\/1\.1 200 /);
  expect(twice.received()).toMatch(new RegExp(`^HTTP/1\\.1 400 .*Expected one header ${name}`, 's'));
});
