import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFault, faultPackages } from '../../../faults/catalog.ts';
import { connectToxiproxy } from '../../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../../faults/toxiproxy/find.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { Link, RunningStack } from '../../../harness/contracts.ts';
import { systemNetwork as network } from '../../../harness/host/network.ts';
import { trace } from '../../../harness/host/trace.ts';
import { externalPlatform, externalTopology } from '../../../platform/external/platform.ts';
import { processPlatform } from '../../../platform/process/platform.ts';
import { fixtureTopology, testRun } from '../../platform/fixture-stack.ts';
import { authority } from '../../stack/edge/fixtures/running-edge.ts';
import { startUpstream } from '../toxiproxy/peers.ts';
import { type RunningServer, SERVERS, type ServerRow, startServer } from '../toxiproxy/servers.ts';

const soon = (limitMs = 15_000) => AbortSignal.timeout(limitMs);

const apiOf = ({ proxyApiUrl: apiUrl, proxyToken: token }: RunningStack) => connectToxiproxy({ apiUrl, token });

/** What is torn down after a row's tests, last first. */
type Undo = (() => unknown)[];

function proxyOf({ env }: ServerRow) {
  const find = (address: { host: string; port: number; seed: number }, signal?: AbortSignal) =>
    findToxiproxy({ ...address, env }, signal);
  return { find, connect: connectToxiproxy };
}

/** A target of Squall: 30 KB at `/metrics`, short responses elsewhere. */
async function startTarget(row: ServerRow, isTls: boolean, undo: Undo): Promise<RunningStack> {
  const respond: RequestListener = (request, response) =>
    void response.end(request.url === '/metrics' ? 'm'.repeat(30_000) : 'ok');
  const { certificate: cert, key } = await authority.issue({ names: ['127.0.0.1'] });
  const server = isTls ? createHttps({ cert, key }, respond) : createHttp(respond);
  const port = await new Promise<number>(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  undo.push(() => server.close(() => {}).closeAllConnections());
  const directory = mkdtempSync(join(tmpdir(), 'squall-toxics-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  const url = `http${isTls ? 's' : ''}://127.0.0.1:${port}`;
  const target = { url, addresses: ['127.0.0.1'], port, iOwnThisTarget: false, tls: { insecure: isTls } };
  const run = testRun();
  undo.push(() => run[Symbol.dispose]());
  const stack = await externalPlatform(proxyOf(row), target).up(externalTopology(''), run.options);
  undo.push(() => stack[Symbol.asyncDispose]());
  return stack;
}

async function startStack(row: ServerRow, undo: Undo): Promise<RunningStack> {
  const run = testRun();
  undo.push(() => run[Symbol.dispose]());
  const topology = fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } });
  const stack = await processPlatform(proxyOf(row), { readyLimitMs: 15_000 }).up(topology, run.options);
  undo.push(() => stack[Symbol.asyncDispose]());
  return stack;
}

/** A link to something that speaks as much of Redis' protocol as a probe. */
async function startRedis(row: ServerRow, undo: Undo): Promise<RunningStack> {
  const server: RunningServer = await startServer(row);
  undo.push(() => server.stop());
  const redis = await startUpstream(socket => {
    let said = '';
    socket.on('data', chunk => {
      said += String(chunk);
      const lines = said.split('\r\n');
      said = lines.pop()!;
      for (const line of lines) {
        if (line === 'QUIT') socket.end('+OK\r\n');
        else socket.write(`$${line.length - 5}\r\n${line.slice(5)}\r\n`);
      }
    });
  });
  undo.push(() => redis[Symbol.asyncDispose]());
  const { listen } = await connectToxiproxy({ apiUrl: server.apiUrl }).createProxy({
    name: 'gateway→redis',
    listen: '127.0.0.1:0',
    upstream: redis.address,
  });
  const link: Link = {
    name: 'gateway→redis',
    listen,
    upstream: redis.address,
    protocol: 'redis',
    fromZone: undefined,
    to: 'redis',
  };
  return {
    network,
    proxyApiUrl: server.apiUrl,
    links: [link],
    replicas: [],
    trace: (_link: Link, request: { behind?: boolean }, signal: AbortSignal) =>
      trace(`redis://${request.behind ? redis.address : listen}`, request as never, {
        clock: systemClock,
        network,
        signal,
      }),
  } as unknown as RunningStack;
}

/** Parameters where 30 KB can be had on a connection, and where a response is short or goes the other way. */
const LONG: Readonly<Record<string, object>> = {
  bandwidth: { rateKBps: 100 },
  'slow-close': { delayMs: 300 },
  timeout: { timeoutMs: 300 },
  'reset-peer': {},
  slicer: { averageSizeBytes: 500, sizeVariationBytes: 100, delayMs: 4 },
  'limit-data': { limitBytes: 10_000 },
  down: {},
};
const SHORT: Readonly<Record<string, object>> = {
  bandwidth: { rateKBps: 3 },
  'slow-close': { delayMs: 300, toxicity: 0.5 },
  timeout: { stream: 'upstream' },
  'reset-peer': { stream: 'upstream', timeoutMs: 200 },
  slicer: { averageSizeBytes: 4, delayMs: 3 },
  'limit-data': { limitBytes: 300, toxicity: 0.5 },
  down: {},
};
const UPSTREAM: Readonly<Record<string, object>> = {
  bandwidth: { rateKBps: 30, stream: 'upstream' },
  timeout: { toxicity: 0.5 },
  'reset-peer': { toxicity: 0.3 },
  slicer: { averageSizeBytes: 100, delayMs: 4, stream: 'upstream' },
  'limit-data': { limitBytes: 5000, stream: 'upstream' },
};
const PLACES = [
  ['an external target', 'client→target', LONG, (row: ServerRow, undo: Undo) => startTarget(row, false, undo)],
  ['an external target over TLS', 'client→target', LONG, (row: ServerRow, undo: Undo) => startTarget(row, true, undo)],
  ['a link of a stack', 'front→a-1', SHORT, startStack],
  ['a link to Redis', 'gateway→redis', { ...LONG, ...UPSTREAM }, startRedis],
] as const;

describe.each(SERVERS)('toxics as faults, over the $title fault proxy', row => {
  const undo: Undo = [];
  const stacks = new Map<string, RunningStack>();
  beforeAll(async () => {
    if (row.isMissing) return;
    for (const [where, , , start] of PLACES) stacks.set(where, await start(row, undo));
  });
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });
  const bound = (stack: RunningStack, kind: string, target: string, given: object, forMs = 2000) => {
    const found = faultPackages.find(candidate => candidate.kind === kind)!;
    const parameters = found.parameters.parse(given) as Readonly<Record<string, unknown>>;
    return createFault({ id: kind, kind, target, atMs: 0, forMs, parameters }, stack, systemClock);
  };
  const it_ = row.isMissing ? it.skip : it.concurrent;

  for (const [where, target, parameters] of PLACES) {
    it_(`each takes effect on ${where}, and is seen to be gone`, async () => {
      const stack = stacks.get(where)!;
      const link = stack.links.find(({ name }) => name === target)!;
      for (const [kind, given] of Object.entries(parameters)) {
        const fault = bound(stack, kind, target, given);
        await fault.inject(soon());
        const effect = await fault.verifyEffect(soon(5000)).catch(error => error);
        expect(effect.evidence ?? fault.noise?.() ?? String(effect), `${kind} on ${where}`).toMatch(
          / across .*; .* before$/,
        );
        // Kept alive from before the heal, a connection that lost bytes would hang.
        const held = stack.trace(link, { path: '/healthz', limitMs: 1500, count: 3 }, soon());
        await fault.heal(soon());
        expect((await held).end, `a connection during the heal of ${kind}`).not.toBe('open');
        const { evidence } = await fault.verifyHealed(soon());
        expect(evidence, kind).toMatch(/ again$/);
        await fault.heal(soon());
      }
      expect(await apiOf(stack).listToxics(target)).toEqual([]);
    });
  }

  // The same faults: which proxy does nothing is no difference.
  (row.kind === 'embedded' ? it_ : it.skip)(
    'a fault whose proxy reports success and does nothing has no observable effect',
    async () => {
      const undoHere: Undo = [];
      const stack = await startTarget(row, false, undoHere);
      try {
        for (const [kind, given] of Object.entries(LONG)) {
          const fault = bound(stack, kind, 'client→target', given, 600);
          await fault.inject(soon());
          await apiOf(stack).reset();
          await expect(fault.verifyEffect(soon(500)), kind).rejects.toMatchObject({ name: 'TimeoutError' });
          await fault.heal(soon());
          await fault.verifyHealed(soon());
        }
      } finally {
        for (const step of undoHere.reverse()) await step();
      }
    },
  );
});
