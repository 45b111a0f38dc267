import { describe, expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { until } from '../../../until.ts';
import { chat, type GatewayProcess, startGateway } from '../fixtures/gateway-process.ts';
import { chatText, rawClient } from '../fixtures/raw-client.ts';
import { hangs, responds, startUpstream, streams } from '../fixtures/scripted-upstream.ts';

type Limits = GatewayConfigInput['connections'];
const quiet: GatewayConfigInput = { healthChecks: 'off', upstreams: [{ name: 'one', url: 'http://127.0.0.1:1' }] };
const GET = 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n';
const status = (text: string) => Number(text.slice(9, 12));

/** Opens connections one after the other, sends a request on each, and returns the status of each response. */
async function statusesOf(connections: Limits, addresses: readonly string[]): Promise<(number | 'closed')[]> {
  await using gateway = await startGateway({ ...quiet, connections });
  using clients = new DisposableStack();
  const statuses: (number | 'closed')[] = [];
  for (const localAddress of addresses) {
    const client = clients.use(rawClient(gateway, GET, { localAddress }));
    let closed = false;
    client.socket.on('close', () => (closed = true));
    await until(() => client.received() !== '' || closed);
    statuses.push(client.received() === '' ? 'closed' : status(client.received()));
  }
  return statuses;
}

const here = (count: number) => new Array<string>(count).fill('127.0.0.1');

test.concurrent.each<[string, Limits, readonly string[], (number | 'closed')[]]>([
  ['total', { maxConnections: 2 }, here(4), [200, 200, 503, 503]],
  ['total, closed without a response', { maxConnections: 2, whenFull: 'close' }, here(3), [200, 200, 'closed']],
  ['total, off', { maxConnections: 'off' }, here(4), [200, 200, 200, 200]],
  [
    'per address',
    { maxPerAddress: 2, exempt: [] },
    [...here(3), '127.0.0.2', '127.0.0.2', '127.0.0.2'],
    [200, 200, 429, 200, 200, 429],
  ],
  ['per address, off', { maxPerAddress: 'off', exempt: [] }, here(4), [200, 200, 200, 200]],
  ['per address, exempt as a private address', { maxPerAddress: 2 }, here(4), [200, 200, 200, 200]],
])('a limit on connections: %s', async (_, connections, addresses, statuses) => {
  expect(await statusesOf(connections, addresses)).toEqual(statuses);
});

test.concurrent('over the limit a client is told when to retry, others are unaffected, and it is accepted once one disconnects', async () => {
  await using gateway = await startGateway({ ...quiet, connections: { maxConnections: 1, retryAfterSeconds: 3 } });
  using first = rawClient(gateway, GET);
  expect(await until(() => first.received() !== '')).toBeLessThan(3000);
  using second = rawClient(gateway, GET);
  expect(await second.closed(3000)).toBeLessThan(3000);
  expect(second.received()).toMatch(/^HTTP\/1.1 503 .*retry-after: 3\r\nconnection: close\r\n.*too_many_connections/s);
  first.socket.write(GET);
  expect(await until(() => first.received().split('"live"').length === 3)).toBeLessThan(3000);
  first.socket.destroy();
  const gone = async () => (await fetch(`${gateway.url}/healthz`).catch(() => undefined))?.status === 200;
  expect(await until(gone)).toBeLessThan(3000);
  expect(gateway.log).toContainEqual(expect.objectContaining({ msg: 'connections closed', reason: 'full', count: 1 }));
});

test.concurrent('rejected clients that do not disconnect are bounded as well', async () => {
  await using gateway = await startGateway({ ...quiet, connections: { maxConnections: 1 } });
  using _first = rawClient(gateway, GET);
  using clients = new DisposableStack();
  const others = Array.from({ length: 400 }, () => clients.use(rawClient(gateway, '', { deaf: true })));
  const closedAll = async () => Promise.all(others.map(client => client.closed(1)));
  await until(() => gateway.log.some(line => line.msg === 'connections closed'));
  // Clients that were sent a response are reset after a second.
  await new Promise(resolve => setTimeout(resolve, 1500));
  for (const { socket } of others) socket.resume();
  expect(await until(async () => (await closedAll()).every(closed => closed !== undefined))).toBeLessThan(3000);
});

describe('behind a trusted proxy', () => {
  const forwarded = (chain: string) => ({ headers: { 'x-forwarded-for': chain } });
  const inFlight = async (connections: Limits, chains: readonly string[]) => {
    await using upstream = await startUpstream(hangs);
    const upstreams = [{ name: 'one', url: upstream.url }];
    const timeouts = { unstreamedFirstByteMs: 1500 };
    await using gateway = await startGateway({ ...quiet, upstreams, retries: 0, timeouts, connections });
    return await Promise.all(chains.map(async chain => (await chat(gateway, forwarded(chain))).status));
  };
  const one = ['203.0.113.7', '1.1.1.1, 203.0.113.7', '2.2.2.2,203.0.113.7'];

  test.concurrent('the client is the address that the proxy reports, whatever the client claims', async () => {
    const limits = { maxPerAddress: 2, trustedProxies: ['127.0.0.1'] };
    expect((await inFlight(limits, [...one, '203.0.113.8'])).sort()).toEqual([429, 504, 504, 504]);
  });

  test.concurrent('forwarded addresses are ignored unless the proxy is trusted', async () => {
    expect(await inFlight({ maxPerAddress: 2 }, one)).toEqual([504, 504, 504]);
  });
});

describe('limits on a request', () => {
  const many = chatText({ headers: 'x: y\r\n'.repeat(150) });
  const large = chatText({ headers: `x: ${'y'.repeat(40_000)}\r\n` });
  const huge = chatText({ content: 'x'.repeat(2_000_000) });
  const deep = chatText({ tools: [[[[[]]]]] });
  test.concurrent.each<[string, string, string, Partial<GatewayConfigInput>, Partial<GatewayConfigInput>]>([
    ['many headers', many, '431 too_many_headers', {}, { connections: { maxHeaders: 'off' } }],
    ['large headers', large, '431 headers_too_large', {}, { connections: { maxHeaderBytes: 'off' } }],
    ['a huge body', huge, '413 body_too_large', {}, { maxBodyBytes: 'off' }],
    ['a deep body', deep, '400 json_too_deep', { maxJsonDepth: 5 }, { maxJsonDepth: 'off' }],
  ])('%s: rejected only with the limit', async (_, text, rejection, limits, without) => {
    await using upstream = await startUpstream(responds());
    const upstreams = [{ name: 'one', url: upstream.url }];
    await using strict = await startGateway({ ...quiet, upstreams, ...limits });
    await using lenient = await startGateway({ ...quiet, upstreams, ...without });
    const outcomeOf = async (gateway: GatewayProcess, request: string) => {
      using client = rawClient(gateway, request);
      await until(() => client.received().includes('}'));
      const code = /"code":"(\w+)"/.exec(client.received())?.[1];
      return `${client.received().slice(9, 12)} ${code ?? ''}`;
    };
    expect(await outcomeOf(strict, text)).toBe(rejection);
    expect(await outcomeOf(lenient, text)).toBe('200 ');
    expect(await outcomeOf(strict, chatText())).toBe('200 ');
  });

  test.concurrent('pipelined requests: up to the limit all are served, beyond it all are cancelled', async () => {
    await using upstream = await startUpstream(hangs);
    const upstreams = [{ name: 'one', url: upstream.url }];
    await using strict = await startGateway({ ...quiet, upstreams });
    await using lenient = await startGateway({ ...quiet, upstreams, connections: { maxPipelined: 'off' } });
    using greedy = rawClient(strict, chatText().repeat(20));
    expect(await greedy.closed(3000)).toBeLessThan(3000);
    expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
    expect(upstream.received.length).toBeLessThanOrEqual(8);
    using _tolerated = rawClient(lenient, chatText().repeat(20));
    expect(await until(() => upstream.openRequests() === 20)).toBeLessThan(3000);
    upstream.behaviour = streams(['a'], 0);
    using modest = rawClient(strict, chatText({ stream: true }).repeat(8));
    expect(await until(() => modest.received().split('[DONE]').length === 9)).toBeLessThan(3000);
  });
});
