import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { systemNetwork } from '../../../../harness/host/network.ts';
import { commitFunctions } from '../../../../stack/gateway/batch/ledger/commit-script.ts';
import { inMemoryRedis } from '../../../../stack/redis/in-memory-redis.ts';
import { REDIS_USER } from '../../../../stack/redis/render-redis-config.ts';
import { missing } from '../../../require.ts';
import { inputOf, type Result } from '../batch/inside.ts';
import { type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { responds, type ScriptedUpstream, startUpstream } from '../fixtures/scripted-upstream.ts';
import { curl, curlBatch, ended, nodeBatch, python, pythonBatch } from './batch-clients.ts';

const PASSWORD = 'secret-of-a-test';
const folder = mkdtempSync(join(tmpdir(), 'squall-batch-'));
const input = join(folder, 'in.jsonl');
const redis = inMemoryRedis({
  username: REDIS_USER,
  password: PASSWORD,
  clock: systemClock,
  scripts: commitFunctions(),
});

let upstream: ScriptedUpstream;
const gateways: GatewayProcess[] = [];

beforeAll(async () => {
  writeFileSync(input, inputOf(['a', 'b', 'c']));
  const { port } = await systemNetwork.listen(redis, { host: '127.0.0.1', port: 0 });
  upstream = await startUpstream(responds('hello'));
  for (const name of ['gateway-1', 'gateway-2']) {
    gateways.push(
      await startGateway(
        {
          name,
          models: ['tiny'],
          upstreams: [{ name: 'one', url: upstream.url }],
          apiKeyHashes: [hash('sha256', 'good'), hash('sha256', 'other')],
          healthChecks: 'off',
          batch: {
            redis: { url: `redis://${REDIS_USER}:${PASSWORD}@127.0.0.1:${port}` },
            key: { environment: 'BATCH_KEY' },
            pollMs: 50,
          },
        },
        { BATCH_KEY: 'ab'.repeat(32) },
      ),
    );
  }
}, 60_000);

afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  redis.close();
  rmSync(folder, { recursive: true });
});

const openai = (nth: number, apiKey = 'good') =>
  new OpenAI({ baseURL: `${gateways[nth]!.url}/v1`, maxRetries: 0, apiKey });

describe.each([
  ["OpenAI's client for Node.js", false, nodeBatch],
  ["OpenAI's client for Python", missing('openai-python', python !== undefined), pythonBatch],
  ['curl', missing('curl', curl !== undefined), curlBatch],
] as const)('%s', (_, isMissing, run) => {
  it.skipIf(isMissing)('uploads a file, runs a batch, and gets its results', async () => {
    const received = upstream.received.length;
    const seen = await run([`${gateways[0]!.url}/v1`, `${gateways[1]!.url}/v1`], input);
    expect(seen).toMatchObject({
      ...{ status: 'completed', counts: { total: 3, completed: 3, failed: 0 }, metadata: { name: 'test' } },
      ...{ isListed: true, missing: 404 },
    });
    // The input is deleted, the output of this batch is there.
    expect(seen.files).toBeGreaterThan(0);
    const results = seen.output
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Result);
    expect(results.map(({ custom_id, response }) => [custom_id, response?.status_code])).toEqual([
      ['a', 200],
      ['b', 200],
      ['c', 200],
    ]);
    expect(results[0]!.response!.body).toMatchObject({ choices: [{ message: { content: 'hello' } }] });
    expect(upstream.received.length).toBe(received + 3);
  });
});

it('keeps the files and batches of a key from every other', async () => {
  const [own, other] = [openai(0), openai(1, 'other')];
  const file = await own.files.create({ file: await toFile(inputOf(['a']), 'in.jsonl'), purpose: 'batch' });
  const wanted = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
  const batch = await ended(own, (await own.batches.create(wanted)).id);
  for (const attempt of [
    () => other.files.retrieve(file.id),
    () => other.files.content(file.id),
    () => other.files.content(batch.output_file_id!),
    () => other.files.delete(file.id),
    () => other.batches.retrieve(batch.id),
    () => other.batches.cancel(batch.id),
  ])
    await expect(attempt()).rejects.toMatchObject({ status: 404 });
  await expect(other.batches.create(wanted)).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
  expect((await other.files.list()).data).toEqual([]);
  expect((await other.batches.list()).data).toEqual([]);
  expect((await own.batches.list()).data.map(({ id }) => id)).toContain(batch.id);
});

it('fails a batch with bad lines, and tells each with its number', async () => {
  const client = openai(0);
  const content = Buffer.concat([inputOf(['a', 'a']), Buffer.from('{"custom_id":'), Buffer.from('\n'), inputOf(['b'])]);
  const file = await client.files.create({ file: await toFile(content, 'in.jsonl'), purpose: 'batch' });
  const created = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const batch = await ended(client, created.id);
  expect(batch).toMatchObject({ status: 'failed', output_file_id: null });
  expect(batch.errors!.data!.map(({ line, code }) => [line, code])).toEqual([
    [2, 'duplicate_custom_id'],
    [3, 'invalid_json_line'],
  ]);
});

it('cancels a batch, whose upstream is slow', async () => {
  const client = openai(0);
  const { behaviour } = upstream;
  upstream.behaviour = (response, request) => void setTimeout(() => behaviour(response, request), 200);
  const ids = Array.from({ length: 100 }, (_, nth) => `${nth}`);
  const file = await client.files.create({ file: await toFile(inputOf(ids), 'in.jsonl'), purpose: 'batch' });
  const { id } = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  while ((await client.batches.retrieve(id)).request_counts!.completed < 5) await systemClock.sleep(20);
  await expect(client.files.delete(file.id)).rejects.toMatchObject({ status: 409, code: 'file_in_use' });
  expect((await client.batches.cancel(id)).status).toBe('cancelling');
  const batch = await ended(client, id);
  upstream.behaviour = behaviour;
  expect(batch.status).toBe('cancelled');
  const output = await (await client.files.content(batch.output_file_id!)).text();
  expect(output.trimEnd().split('\n').length).toBe(batch.request_counts!.completed);
  expect(batch.request_counts!.completed).toBeLessThan(100);
  await expect(client.batches.cancel(id)).rejects.toMatchObject({ status: 409, code: 'batch_not_cancellable' });
});

const upload = (body: string | FormData, headers: Record<string, string> = {}) =>
  fetch(`${gateways[0]!.url}/v1/files`, {
    method: 'POST',
    body,
    headers: { authorization: 'Bearer good', ...headers },
  });
const form = (parts: Record<string, string | Blob>) => {
  const made = new FormData();
  for (const [name, value] of Object.entries(parts)) made.append(name, value);
  return made;
};
const file = new Blob([new Uint8Array(inputOf(['a']))]);

it.each([
  ['another purpose', () => upload(form({ file, purpose: 'fine-tune' })), 400, /`purpose` to be batch/],
  ['no file', () => upload(form({ purpose: 'batch' })), 400, /a part `file`/],
  ['an unknown part', () => upload(form({ file, purpose: 'batch', more: 'x' })), 400, /only the parts/],
  ['no form', () => upload('{}', { 'content-type': 'application/json' }), 400, /multipart\/form-data/],
  [
    'other bytes than UTF-8',
    () => upload(form({ file: new Blob([Uint8Array.of(0xff, 0xfe)]), purpose: 'batch' })),
    400,
    /UTF-8/,
  ],
  [
    'too long a file',
    () => upload(form({ file: new Blob([new Uint8Array(8_388_609)]), purpose: 'batch' })),
    413,
    /limit/,
  ],
])('refuses an upload with %s', async (_, send, status, message) => {
  const response = await send();
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { message: expect.stringMatching(message) as string } });
});

it.each([
  [{}, 'input_file_id'],
  [{ input_file_id: 'file-x' }, 'endpoint'],
  [{ input_file_id: 'file-x', endpoint: '/v1/chat/completions', completion_window: '1h' }, 'completion_window'],
  [
    { input_file_id: 'file-x', endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { a: 1 } },
    'metadata',
  ],
  [{ input_file_id: 'file-x', endpoint: '/v1/chat/completions', completion_window: '24h' }, 'input_file_id'],
])('refuses the batch %j, and names %s', async (body, param) => {
  const headers = { authorization: 'Bearer good', 'content-type': 'application/json' };
  const response = await fetch(`${gateways[0]!.url}/v1/batches`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { param } });
});

it('tells which methods a path accepts, needs a key, and is not there where it is off', async () => {
  const [{ url }] = gateways as [GatewayProcess];
  const headers = { authorization: 'Bearer good' };
  const put = await fetch(`${url}/v1/files`, { method: 'PUT', headers });
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST']);
  expect((await fetch(`${url}/v1/batches`)).status).toBe(401);
  await using off = await startGateway({ upstreams: [{ name: 'one', url: upstream.url }], healthChecks: 'off' });
  expect((await fetch(`${off.url}/v1/batches`)).status).toBe(404);
  expect(await (await fetch(`${off.url}/metrics`)).text()).not.toContain('gateway_batch');
});

it('logs and counts each line, and its own paths by a bounded set of names', async () => {
  const [{ log }] = gateways as [GatewayProcess];
  expect(await metric(gateways[0]!, 'gateway_requests_total', 'route="/v1/batches/{id}",status="200"')).toBeGreaterThan(
    0,
  );
  const counts = await Promise.all(gateways.map(own => metric(own, 'gateway_batch_lines_total', 'result="completed"')));
  expect(counts[0]! + counts[1]!).toBeGreaterThan(10);
  const lines = log.filter(
    ({ route, method, priority }) => route === '/v1/chat/completions' && method === 'POST' && priority === undefined,
  );
  expect(lines.length).toBeGreaterThan(0);
});
