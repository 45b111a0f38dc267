import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test, vi } from 'vitest';
import { until } from '../../until.ts';
import { spawnReplica, startReplica } from './replica-process.ts';

// Starting a process takes a second or two on a busy machine.
vi.setConfig({ testTimeout: 20_000 });

const messages = [{ role: 'user', content: 'Hello' }];

test('a cold replica is live but not ready, and rejects completions until its model is loaded', async () => {
  // 120 s / 60 = 2 s of loading
  await using replica = await startReplica({ timeScale: 60 }, false);
  const status = async (path: string) => (await fetch(replica.url + path)).status;
  expect([await status('/healthz'), await status('/health'), await status('/readyz')]).toEqual([200, 503, 503]);
  const rejected = await replica.post('/v1/chat/completions', { messages, max_tokens: 1 });
  expect(rejected.status).toBe(503);
  expect(await rejected.json()).toMatchObject({ error: { type: 'ServiceUnavailableError', code: 503 } });
  const loadedMiB = await replica.metric('DCGM_FI_DEV_FB_USED');
  await until(async () => (await status('/readyz')) === 200, 10_000);
  expect(await status('/health')).toBe(200);
  expect((await replica.post('/v1/chat/completions', { messages, max_tokens: 1 })).status).toBe(200);
  expect(await replica.metric('DCGM_FI_DEV_FB_USED')).toBeGreaterThan(loadedMiB);
  expect(replica.log[0]).toMatchObject({ msg: 'listening' });
});

test('a client that never reads is disconnected at 1 MiB unread, and its memory is freed', async () => {
  // A model name of 50 kB makes events of 50 kB: a few hundred tokens fill the kernel's buffers and 1 MiB more.
  await using replica = await startReplica({ timeScale: 1e6, model: 'm'.repeat(50_000) });
  const body = JSON.stringify({ messages, max_tokens: 20_000, stream: true });
  const { hostname, port } = new URL(replica.url);
  const socket = connect(Number(port), hostname)
    .on('error', () => {})
    .pause();
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  await until(async () => (await replica.metric('vllm:num_requests_running')) === 1);
  await until(async () => (await replica.metric('vllm:request_success_total', 'abort')) === 1, 15_000);
  expect(await replica.metric('vllm:kv_cache_usage_perc')).toBe(0);
  // Served until the limit, not disconnected at the first full buffer.
  expect(await replica.metric('vllm:generation_tokens_total')).toBeGreaterThan(20);
  socket.destroy();
});

test('SIGTERM lets a running request finish, then the process exits with 0', async () => {
  await using replica = await startReplica({ timeScale: 1e6 });
  const response = await replica.post('/v1/chat/completions', { messages, max_tokens: 60, stream: true });
  const exited = once(replica.child, 'exit');
  replica.child.kill('SIGTERM');
  expect(await response.text()).toMatch(/data: \[DONE\]\n\n$/);
  expect(await exited).toEqual([0, null]);
});

test('SIGTERM cuts off requests beyond the grace period, and the process exits with 0', async () => {
  await using replica = await startReplica({ timeScale: 1e6, drainMs: 2000 });
  const response = await replica.post('/v1/chat/completions', { messages, max_tokens: 20_000, stream: true });
  const exited = once(replica.child, 'exit');
  const startMs = performance.now();
  replica.child.kill('SIGTERM');
  await expect(response.text()).rejects.toThrow();
  expect(await exited).toEqual([0, null]);
  expect(performance.now() - startMs).toBeGreaterThan(1900);
});

test('the process exits with 0 on SIGTERM while the model is loading', async () => {
  await using replica = await startReplica({}, false);
  const exited = once(replica.child, 'exit');
  replica.child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

test('the process exits with 1 and advice for a port in use or an invalid configuration', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const outcomes = await Promise.all([
    fails(`127.0.0.1:${port}`, '{}'),
    fails('127.0.0.1:0', '{"maxBach":2}'),
    fails('', '{}'),
  ]);
  taken.close();
  expect(outcomes.map(({ code }) => code)).toEqual([1, 1, 1]);
  expect(outcomes[0]!.stderr).toMatch(new RegExp(`Cannot listen on 127.0.0.1:${port}: .*LISTEN`));
  expect(outcomes[1]!.stderr).toMatch(/unknown key `maxBach`/);
  expect(outcomes[2]!.stderr).toMatch(/HOST:PORT/);
});

async function fails(listen: string, config: string): Promise<{ code: number; stderr: string }> {
  const child = spawnReplica(listen, config);
  let stderr = '';
  child.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}
