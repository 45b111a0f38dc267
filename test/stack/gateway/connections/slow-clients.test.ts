import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { chat, metric, startGateway, until } from '../fixtures/gateway-process.ts';
import { chatText, type RawClient, rawClient } from '../fixtures/raw-client.ts';
import { answers, type Behaviour, startUpstream, streams } from '../fixtures/scripted-upstream.ts';

const quiet = { healthChecks: 'off' } as const;
/** Scheduling of three processes on a busy machine. */
const SLACK_MS = 500;
const LIMIT_MS = 600;
/** Long enough for every eviction below to have happened twice. */
const BEAR_MS = 2 * LIMIT_MS + SLACK_MS;

const HEAD = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n';
const dripsHeader = (client: RawClient) => client.drip('x'.repeat(100), 1, 100);

interface Attack {
  readonly name: string;
  readonly connections: GatewayConfigInput['connections'];
  /** The same without the defence. */
  readonly without: GatewayConfigInput['connections'];
  readonly first: string;
  readonly goOn?: (client: RawClient) => Promise<void>;
  readonly reason: string;
  readonly answer: string;
}

const headers = {
  connections: { headersMs: LIMIT_MS },
  without: { headersMs: 'off' },
  reason: 'slow-headers',
} as const;
const ATTACKS: readonly Attack[] = [
  { name: 'says nothing', ...headers, first: '', answer: '408' },
  { name: 'drips its header', ...headers, first: 'GET / HTTP/1.1\r\nx: ', goOn: dripsHeader, answer: '408' },
  {
    name: 'stops in its body',
    connections: { bodyMs: LIMIT_MS },
    without: { bodyMs: 'off', minBodyBytesPerSecond: 'off' },
    first: `${HEAD}\r\nabc`,
    reason: 'slow-body',
    answer: '408',
  },
  {
    name: 'drips its body fast enough for the rate, but for ever',
    connections: { bodyMs: LIMIT_MS, bodyGraceMs: 200, minBodyBytesPerSecond: 50 },
    without: { bodyMs: 'off', bodyGraceMs: 200, minBodyBytesPerSecond: 50 },
    first: `${HEAD}\r\n`,
    goOn: client => client.drip('x'.repeat(900), 20, 100),
    reason: 'slow-body',
    answer: '408',
  },
  {
    name: 'drips its body below the rate',
    connections: { bodyGraceMs: LIMIT_MS, minBodyBytesPerSecond: 1000 },
    without: { bodyGraceMs: LIMIT_MS, minBodyBytesPerSecond: 'off' },
    first: `${HEAD}\r\n`,
    goOn: client => client.drip('x'.repeat(100), 2, 100),
    reason: 'body-rate',
    answer: '408',
  },
  {
    name: 'drips a body that was refused already',
    connections: { bodyGraceMs: LIMIT_MS },
    without: { bodyMs: 'off', minBodyBytesPerSecond: 'off' },
    first: `${HEAD.replace('chat/completions', 'nothing')}\r\n`,
    goOn: client => client.drip('x'.repeat(100), 2, 100),
    reason: 'slow-body',
    answer: '404',
  },
  {
    name: 'keeps an idle connection',
    connections: { keepAliveMs: LIMIT_MS },
    without: { keepAliveMs: 'off' },
    first: 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n',
    reason: 'idle',
    answer: '200',
  },
];

test.each(ATTACKS)('a client that $name is evicted in time, and only with the limit', async attack => {
  const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];
  await using strict = await startGateway({ ...quiet, upstreams, connections: attack.connections });
  await using lenient = await startGateway({ ...quiet, upstreams, connections: attack.without });
  using evicted = rawClient(strict, attack.first);
  using borne = rawClient(lenient, attack.first);
  void Promise.all([attack.goOn?.(evicted), attack.goOn?.(borne)]);
  const [heldMs, boreMs] = await Promise.all([evicted.closed(5000), borne.closed(BEAR_MS)]);
  // Deadlines are looked at every 75 ms at most here (an eighth of 600 ms), or every 20 ms.
  expect(heldMs).toBeGreaterThan(LIMIT_MS - 20);
  expect(heldMs).toBeLessThan(LIMIT_MS + 75 + SLACK_MS);
  expect(boreMs).toBeUndefined();
  expect(evicted.received()).toMatch(new RegExp(`^HTTP/1.1 ${attack.answer} `));
  expect(borne.received()).not.toContain('408');
  expect(await metric(strict, 'gateway_connections_evicted_total', `reason="${attack.reason}"`)).toBe(1);
  expect(await metric(strict, 'gateway_connections', 'state="active"')).toBe(1);
});

test('a second request that is slow to come is told so too', async () => {
  const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];
  await using gateway = await startGateway({ ...quiet, upstreams, connections: { headersMs: LIMIT_MS } });
  using client = rawClient(gateway, 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\n');
  expect(await client.closed(5000)).toBeLessThan(LIMIT_MS + 75 + SLACK_MS);
  expect(client.received()).toContain('HTTP/1.1 408');
});

/** Events of 64 KiB as fast as they are taken: 26 MB, more than all the buffers on the way can hold. */
const floods: Behaviour = response => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  Readable.from(new Array(400).fill(`data: ${'x'.repeat(65_528)}\n\n`).concat('data: [DONE]\n\n')).pipe(response);
};

test('a client that stops reading loses its connection and its upstream, and only with the limit', async () => {
  await using upstream = await startUpstream(floods);
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using strict = await startGateway({ ...quiet, upstreams, connections: { sendMs: LIMIT_MS } });
  await using lenient = await startGateway({ ...quiet, upstreams, connections: { sendMs: 'off' } });
  const startMs = systemClock.nowMs();
  using _evicted = rawClient(strict, chatText({ stream: true }), { deaf: true });
  using _borne = rawClient(lenient, chatText({ stream: true }), { deaf: true });
  expect(await until(() => upstream.openRequests() === 2)).toBeLessThan(3000);
  expect(await until(() => upstream.openRequests() === 1, 5000)).toBeLessThan(5000);
  const heldMs = systemClock.nowMs() - startMs;
  expect(heldMs).toBeGreaterThan(LIMIT_MS);
  // What fits into the buffers is written first; then progress is looked for every 75 ms, and missed one look later.
  expect(heldMs).toBeLessThan(LIMIT_MS + 2 * 75 + 2 * SLACK_MS);
  await systemClock.sleep(LIMIT_MS + SLACK_MS);
  expect(upstream.openRequests()).toBe(1);
  const line = strict.log.find(candidate => candidate.msg === 'request');
  expect(line).toMatchObject({ outcome: 'cancelled', reason: 'slow-reader' });
});

test('whoever moves is left alone: a slow line, a slow reader, a long silence between tokens', async () => {
  const strict = { headersMs: 500, bodyGraceMs: 300, minBodyBytesPerSecond: 1000, sendMs: 500, keepAliveMs: 500 };
  await using upstream = await startUpstream(answers());
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...quiet, upstreams, connections: strict });

  // 4000 bytes at 2000 a second: twice the minimum, and ten times the deadline for headers.
  using writer = rawClient(gateway);
  const text = chatText({ content: 'x'.repeat(4000) });
  await writer.drip(text, 200, 100);
  expect(await until(() => writer.received().includes('hello'))).toBeLessThan(1000);

  // Silences of three times the deadline for readers.
  upstream.behaviour = streams(['a', 'b', 'c'], 1500);
  const silent = chat(gateway, { stream: true }).then(response => response.text());
  // 26 MB, at most 64 KiB each 5 ms: 2 s and more. On a loopback the kernel tells of progress in steps of up to 2 MB.
  upstream.behaviour = floods;
  using reader = rawClient(gateway, chatText({ stream: true }), { deaf: true });
  let taken = 0;
  let last = '';
  const startMs = systemClock.nowMs();
  while (!last.includes('[DONE]') && systemClock.nowMs() - startMs < 20_000) {
    await systemClock.sleep(5);
    const chunk = reader.socket.read() as Buffer | null;
    if (!chunk) continue;
    taken += chunk.length;
    last = chunk.subarray(-100).toString();
  }
  const tookMs = systemClock.nowMs() - startMs;
  expect(last).toContain('[DONE]');
  expect(taken).toBeGreaterThan(26_000_000);
  expect(tookMs).toBeGreaterThan(2 * strict.sendMs);
  expect(await silent).toContain('[DONE]');
  expect(await metric(gateway, 'gateway_connections_evicted_total', 'reason="slow-reader"')).toBe(0);
});
