import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readConnectionTable } from '../../../../faults/slow-http/attacker/connection-table.ts';
import { systemClock } from '../../../../harness/clock.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { until } from '../../../until.ts';
import { chat, type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { chatText, type RawClient, rawClient } from '../fixtures/raw-client.ts';
import { type Behaviour, responds, startUpstream, streams } from '../fixtures/scripted-upstream.ts';

const quiet = { healthChecks: 'off' } as const;
/** Scheduling of three processes on a busy machine. */
const SLACK_MS = 1000;
const LIMIT_MS = 600;
/** Long enough for every close below to have happened twice. */
const OBSERVE_MS = 2 * LIMIT_MS + SLACK_MS;

const HEAD = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n';
const dripsHeader = (client: RawClient) => client.drip('x'.repeat(100), 1, 100);

interface Attack {
  readonly name: string;
  readonly connections: GatewayConfigInput['connections'];
  /** The same without the limit. */
  readonly without: GatewayConfigInput['connections'];
  readonly first: string;
  readonly proceed?: (client: RawClient) => Promise<void>;
  readonly reason: string;
  readonly response: string;
}

/** A blank line before a request is not part of it (RFC 9112, 2.2), and not silence either. */
const blankLines = {
  // Half of the limit for silence, half for a request that may have begun just before.
  connections: { keepAliveMs: LIMIT_MS / 2, headersMs: LIMIT_MS / 2, sendMs: 'off' },
  without: { keepAliveMs: 'off', headersMs: LIMIT_MS / 2, sendMs: 'off' },
  first: 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n',
  reason: 'idle',
  response: '200',
} as const;
const headers = {
  connections: { headersMs: LIMIT_MS },
  without: { headersMs: 'off' },
  reason: 'slow-headers',
} as const;
const ATTACKS: readonly Attack[] = [
  { name: 'sends nothing', ...headers, first: '', response: '408' },
  { name: 'drips its header', ...headers, first: 'GET / HTTP/1.1\r\nx: ', proceed: dripsHeader, response: '408' },
  {
    name: 'stops in its body',
    connections: { bodyMs: LIMIT_MS },
    without: { bodyMs: 'off', minBodyBytesPerSecond: 'off' },
    first: `${HEAD}\r\nabc`,
    reason: 'slow-body',
    response: '408',
  },
  {
    name: 'drips its body above the minimum rate but forever',
    connections: { bodyMs: LIMIT_MS, bodyGraceMs: 200, minBodyBytesPerSecond: 50 },
    without: { bodyMs: 'off', bodyGraceMs: 200, minBodyBytesPerSecond: 50 },
    first: `${HEAD}\r\n`,
    proceed: client => client.drip('x'.repeat(900), 20, 100),
    reason: 'slow-body',
    response: '408',
  },
  {
    name: 'drips its body below the minimum rate',
    connections: { bodyGraceMs: LIMIT_MS, minBodyBytesPerSecond: 1000 },
    without: { bodyGraceMs: LIMIT_MS, minBodyBytesPerSecond: 'off' },
    first: `${HEAD}\r\n`,
    proceed: client => client.drip('x'.repeat(100), 2, 100),
    reason: 'body-rate',
    response: '408',
  },
  {
    name: 'drips the body of a rejected request',
    connections: { bodyGraceMs: LIMIT_MS },
    without: { bodyMs: 'off', minBodyBytesPerSecond: 'off' },
    first: `${HEAD.replace('chat/completions', 'nothing')}\r\n`,
    proceed: client => client.drip('x'.repeat(100), 2, 100),
    reason: 'slow-body',
    response: '404',
  },
  {
    name: 'keeps an idle connection',
    connections: { keepAliveMs: LIMIT_MS },
    without: { keepAliveMs: 'off' },
    first: 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n',
    reason: 'idle',
    response: '200',
  },
  {
    name: 'drips blank lines after a response',
    ...blankLines,
    proceed: client => client.drip('\r\n'.repeat(50), 2, 100),
  },
  {
    name: 'drips half blank lines after a response',
    ...blankLines,
    proceed: client => client.drip('\r'.repeat(50), 1, 100),
  },
];

test.concurrent.each(ATTACKS)(
  'a client that $name loses its connection in time, and only with the limit',
  async attack => {
    const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];
    await using strict = await startGateway({ ...quiet, upstreams, connections: attack.connections });
    await using lenient = await startGateway({ ...quiet, upstreams, connections: attack.without });
    using cutOff = rawClient(strict, attack.first);
    using tolerated = rawClient(lenient, attack.first);
    void Promise.all([attack.proceed?.(cutOff), attack.proceed?.(tolerated)]);
    const [openMs, toleratedMs] = await Promise.all([cutOff.closed(5000), tolerated.closed(OBSERVE_MS)]);
    // Deadlines are checked every 75 ms (an eighth of 600 ms) or every 20 ms.
    expect(openMs).toBeGreaterThan(LIMIT_MS - 20);
    expect(openMs).toBeLessThan(LIMIT_MS + 75 + SLACK_MS);
    expect(toleratedMs).toBeUndefined();
    expect(cutOff.received()).toMatch(new RegExp(`^HTTP/1.1 ${attack.response} `));
    expect(tolerated.received()).not.toContain('HTTP/1.1 408');
    expect(await metric(strict, 'gateway_connections_closed_total', `reason="${attack.reason}"`)).toBe(1);
    expect(await metric(strict, 'gateway_connections', 'state="active"')).toBe(1);
  },
);

test.concurrent.each([
  ['a body of a known length', 'content-length: 1000', 'x'],
  ['a body in chunks', 'transfer-encoding: chunked', '1\r\nx\r\n'],
])('an unknown expectation is rejected at once, without %s', async (_, framing, piece) => {
  const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];
  await using gateway = await startGateway({ ...quiet, upstreams });
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nexpect: x\r\n${framing}\r\n\r\n`;
  using client = rawClient(gateway, head);
  void client.drip(piece.repeat(100), piece.length, 50);
  // At once: 5 s is the shortest deadline that a body has by default.
  expect(await client.closed(3000)).toBeLessThan(SLACK_MS);
  expect(client.received()).toMatch(/^HTTP\/1.1 417 .*connection: close\r\n.*"code":"expectation_failed"/s);
  const labels = 'route="/v1/chat/completions",status="417"';
  expect(await metric(gateway, 'gateway_requests_total', labels)).toBe(1);
  const rejected = { outcome: 'rejected', reason: 'expectation_failed', status: 417 };
  expect(await until(() => gateway.log.some(line => line.msg === 'request'))).toBeLessThan(3000);
  expect(gateway.log).toContainEqual(expect.objectContaining(rejected));
});

test.concurrent('a slow second request gets a 408 as well', async () => {
  const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];
  await using gateway = await startGateway({ ...quiet, upstreams, connections: { headersMs: LIMIT_MS } });
  using client = rawClient(gateway, 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\n');
  expect(await client.closed(5000)).toBeLessThan(LIMIT_MS + 75 + SLACK_MS);
  expect(client.received()).toContain('HTTP/1.1 408');
});

test.concurrent('a second request that begins just before the keep-alive timeout has its full header timeout', async () => {
  const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];
  const connections = { keepAliveMs: LIMIT_MS, headersMs: LIMIT_MS };
  await using gateway = await startGateway({ ...quiet, upstreams, connections });
  using client = rawClient(gateway, 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
  await systemClock.sleep(0.9 * LIMIT_MS);
  await client.drip('GET / HTTP/1.1\r\nx: yyyyyyyy', 3, 100);
  expect(await client.closed(5000)).toBeGreaterThan(1.9 * LIMIT_MS - 20);
  expect(client.received()).toContain('HTTP/1.1 408');
  expect(await metric(gateway, 'gateway_connections_closed_total', 'reason="slow-headers"')).toBe(1);
  expect(await metric(gateway, 'gateway_connections_closed_total', 'reason="idle"')).toBe(0);
});

/** Events of 64 KiB as fast as they are read: 26 MB, more than all buffers on the way can hold. */
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
  using _cutOff = rawClient(strict, chatText({ stream: true }), { deaf: true });
  using _tolerated = rawClient(lenient, chatText({ stream: true }), { deaf: true });
  expect(await until(() => upstream.openRequests() === 2)).toBeLessThan(3000);
  expect(await until(() => upstream.openRequests() === 1, 5000)).toBeLessThan(5000);
  const openMs = systemClock.nowMs() - startMs;
  expect(openMs).toBeGreaterThan(LIMIT_MS);
  // The buffers are filled first; then progress is checked every 75 ms and found missing one check later.
  expect(openMs).toBeLessThan(LIMIT_MS + 2 * 75 + 2 * SLACK_MS);
  await systemClock.sleep(LIMIT_MS + SLACK_MS);
  expect(upstream.openRequests()).toBe(1);
  const line = strict.log.find(candidate => candidate.msg === 'request');
  expect(line).toMatchObject({ outcome: 'cancelled', reason: 'slow-reader' });
});

/** Fits into the gateway's kernel buffers but not into a client's. */
const large = responds('x'.repeat(1_000_000));
test.each<[string, Behaviour, string, string | undefined]>([
  ['do nothing else', floods, '', 'slow-reader'],
  ['pipeline too many requests', floods, chatText().repeat(9), 'pipelining'],
  ['send garbage', floods, 'garbage\r\n\r\n', undefined],
  ['send garbage after a response', large, 'garbage\r\n\r\n', undefined],
])('the kernel keeps no data for deaf clients that then %s', async (_, behaviour, later, reason) => {
  await using upstream = await startUpstream(behaviour);
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...quiet, upstreams, connections: { sendMs: later ? 'off' : LIMIT_MS } });
  const port = Number(new URL(gateway.url).port);
  using clients = new DisposableStack();
  const deaf = Array.from({ length: 10 }, () =>
    clients.use(rawClient(gateway, chatText({ stream: true }), { deaf: true })),
  );
  const seen = deaf.map(({ socket }) => {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)).once('close', () => resolve('closed'));
    return promise;
  });
  expect(await until(() => upstream.received.length === 10)).toBeLessThan(3000);
  await systemClock.sleep(500); // until all buffers on the way are full
  for (const { socket } of deaf) if (later) socket.write(later);
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(5000);
  // The gateway's sockets: after an ordinary close they would stay in FIN_WAIT1 with up to 4 MB each until the client reads.
  const kept = () =>
    deaf.filter(({ socket }) => readConnectionTable(socket.localPort!)?.('127.0.0.1', port) !== 'gone');
  // Clients that were sent a response have a second to read it.
  expect(await until(() => kept().length === 0)).toBeLessThan(1000 + 3 * SLACK_MS);
  for (const { socket } of deaf) socket.resume();
  expect(await Promise.all(seen)).toEqual(deaf.map(() => 'ECONNRESET'));
  if (reason) expect(await metric(gateway, 'gateway_connections_closed_total', `reason="${reason}"`)).toBe(10);
});

test('a crowd of slow clients blocks others no longer than the header timeout, forever without it', async () => {
  const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];
  const caps = { maxConnections: 100 } as const;
  await using strict = await startGateway({ ...quiet, upstreams, connections: { ...caps, headersMs: LIMIT_MS } });
  await using lenient = await startGateway({ ...quiet, upstreams, connections: { ...caps, headersMs: 'off' } });
  using crowd = new DisposableStack();
  const served = async (gateway: GatewayProcess) => {
    using client = rawClient(gateway, 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => client.received() !== '');
    return client.received().startsWith('HTTP/1.1 200');
  };
  for (const gateway of [strict, lenient]) {
    for (let i = 0; i < 100; i += 1) crowd.use(rawClient(gateway, 'GET / HTTP/1.1\r\nx: '));
  }
  expect(await until(async () => !(await served(lenient)))).toBeLessThan(3000);
  expect(await until(() => served(strict))).toBeLessThan(LIMIT_MS + 75 + SLACK_MS);
  expect(await served(lenient)).toBe(false);
});

test.concurrent('a slow but steady upload and a silent stream exceed no deadline', async () => {
  const strict = { headersMs: 500, bodyGraceMs: 300, minBodyBytesPerSecond: 500, sendMs: 500, keepAliveMs: 500 };
  await using upstream = await startUpstream(responds());
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...quiet, upstreams, connections: strict });

  // 4000 bytes at 2000 a second: four times the minimum, and four times the deadline for headers.
  using writer = rawClient(gateway);
  await writer.drip(chatText({ content: 'x'.repeat(4000) }), 200, 100);
  expect(await until(() => writer.received().includes('hello'))).toBeLessThan(3000);

  // Silences of three times the deadlines for readers and idle connections.
  upstream.behaviour = streams(['a', 'b', 'c'], 1500);
  expect(await (await chat(gateway, { stream: true })).text()).toContain('[DONE]');
  expect(gateway.log.filter(line => line.msg === 'connections closed')).toEqual([]);
});

test.concurrent('a slow reader that makes progress gets its whole response, however long that takes', async () => {
  await using upstream = await startUpstream(floods);
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...quiet, upstreams, connections: { sendMs: 2000 } });
  // At most 64 KiB each 13 ms are 5 MB a second: 5 s for 26 MB. The kernel reports progress in steps of up to 2 MB, each 0.4 s,
  // or five times that if the machine is busy with other things.
  using reader = rawClient(gateway, chatText({ stream: true }), { deaf: true });
  let takenBytes = 0;
  let last = '';
  const startMs = systemClock.nowMs();
  while (!last.includes('[DONE]') && !reader.socket.readableEnded && !reader.socket.destroyed) {
    await systemClock.sleep(13);
    const chunk = reader.socket.read() as Buffer | null;
    takenBytes += chunk?.length ?? 0;
    if (chunk) last = chunk.subarray(-100).toString();
  }
  expect(last).toContain('[DONE]');
  expect(takenBytes).toBeGreaterThan(26_000_000);
  expect(systemClock.nowMs() - startMs).toBeGreaterThan(2 * 2000);
});
