import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../faults/toxiproxy/find.ts';
import { systemClock } from '../../harness/clock.ts';
import type { RunningStack } from '../../harness/contracts.ts';
import { processesOfRun } from '../../harness/host/process-group.ts';
import { directPlatform, externalPlatform, externalTopology, TARGET_LINK } from '../../platform/external/platform.ts';
import { startFixture } from '../load/rig.ts';
import { eventually } from '../until.ts';

let runs = 0;

/** A run directory and an id, which go when it is disposed. */
function place(signal = new AbortController().signal) {
  const directory = mkdtempSync(join(tmpdir(), 'squall-external-'));
  runs += 1;
  const runId = `external-${process.pid}-${runs}`;
  return {
    options: { runId, seed: 1, directory, signal, clock: systemClock, observer: { replica: () => {} } },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

const up = (
  url: string,
  addresses: readonly string[],
  { options }: ReturnType<typeof place>,
  hasProxy = true,
): Promise<RunningStack> => {
  const proxy = { find: findToxiproxy, connect: connectToxiproxy };
  const target = { url, addresses, port: Number(new URL(url).port), iOwnThisTarget: false };
  const platform = hasProxy ? externalPlatform(proxy, target) : directPlatform(target);
  return platform.up(externalTopology('Bearer x'), options);
};

/** Server that responds with the requested `Host`; undefined if it cannot listen on `host`. */
async function serverOn(host: string): Promise<(AsyncDisposable & { port: number }) | undefined> {
  const server: Server = createServer((request, response) => response.end(`${request.headers.host} ${request.url}`));
  const listening = await new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false));
    server.listen(0, host, () => resolve(true));
  });
  if (!listening) return undefined;
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve()).closeAllConnections()),
  };
}

/** Server that cuts the connection of every request that `cuts`; what it was asked is kept. */
async function cuttingServer(cuts: (method: string) => boolean) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (cuts(request.method ?? '')) request.socket.destroy();
    else request.resume().on('end', () => response.writeHead(400).end('{}'));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    asked,
    async close() {
      if (server.listening) await new Promise<void>(resolve => server.close(() => resolve()).closeAllConnections());
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

describe('a probe of a target', () => {
  it.each([true, false])('is answered by POST where GETs are cut, through a proxy: %s', async hasProxy => {
    await using server = await cuttingServer(method => method === 'GET');
    using here = place();
    await using stack = await up(`http://127.0.0.1:${server.port}`, ['127.0.0.1'], here, hasProxy);
    const signal = AbortSignal.timeout(5000);
    expect((await stack.probe(stack.links[0]!, '/healthz', signal)).ttfbMs).toBeLessThan(1000);
    expect(server.asked).toEqual(['GET /healthz', 'POST /v1/chat/completions']);
    if (!hasProxy) return;
    const toxic = { kind: 'latency', name: 'slow', stream: 'downstream', latencyMs: 300, jitterMs: 0 } as const;
    await connectToxiproxy({ apiUrl: stack.proxyApiUrl, token: stack.proxyToken }).addToxic(TARGET_LINK, toxic, signal);
    expect((await stack.probe(stack.links[0]!, '/healthz', signal)).ttfbMs).toBeGreaterThanOrEqual(299);
  });

  it('is answered by the handshake where everything is cut, but not behind a proxy whose server is gone', async () => {
    await using server = await cuttingServer(() => true);
    using here = place();
    await using stack = await up(`http://127.0.0.1:${server.port}`, ['127.0.0.1'], here);
    const probed = () => stack.probe(stack.links[0]!, '/healthz', AbortSignal.timeout(5000));
    expect((await probed()).ttfbMs).toBeLessThan(1000);
    expect(stack.refusals?.()).toEqual([]);
    await server.close();
    await expect(probed()).rejects.toThrow();
    // Its client was reset; the link knows why.
    const reason = `dial tcp 127.0.0.1:${server.port}: connect: connection refused`;
    expect(await eventually(() => stack.refusals!().length > 0)).toBe(true);
    expect(stack.refusals?.()).toMatchObject([{ link: TARGET_LINK, reason }]);
  });
});

describe('a fault proxy in front of a server', () => {
  it('is one link, probed under the name of the server, and leaves nothing behind', async () => {
    await using server = (await serverOn('127.0.0.1'))!;
    using here = place();
    const url = `http://llm.invalid:${server.port}/team`;
    {
      await using stack = await up(url, ['127.0.0.1'], here);
      expect(stack.links).toMatchObject([{ name: TARGET_LINK, upstream: `127.0.0.1:${server.port}` }]);
      expect(stack).toMatchObject({
        replicas: [],
        origin: `http://llm.invalid:${server.port}`,
        authorization: 'Bearer x',
      });
      expect(stack.entries).toEqual([`http://${stack.links[0]!.listen}/team`]);
      expect(await (await fetch(`${stack.entries[0]}/a`)).text()).toContain('/team/a');
      const signal = AbortSignal.timeout(5000);
      const before = await stack.probe(stack.links[0]!, '/healthz', signal);
      expect(before.ttfbMs).toBeLessThan(250);
      const toxic = { kind: 'latency', name: 'slow', stream: 'downstream', latencyMs: 300, jitterMs: 0 } as const;
      await connectToxiproxy({ apiUrl: stack.proxyApiUrl, token: stack.proxyToken }).addToxic(
        TARGET_LINK,
        toxic,
        signal,
      );
      // One direction: the latency is added once.
      const slow = await stack.probe(stack.links[0]!, '/healthz', signal);
      expect(slow.ttfbMs).toBeGreaterThanOrEqual(299);
      expect(slow.ttfbMs).toBeLessThan(590);
      expect(processesOfRun(here.options.runId).length).toBeGreaterThan(0);
    }
    expect(processesOfRun(here.options.runId)).toEqual([]);
  });

  it('uses the first address of a name that accepts a connection', async context => {
    await using server = await serverOn('::1');
    if (!server) return context.skip('no IPv6 here');
    using here = place();
    await using stack = await up(`http://llm.invalid:${server.port}`, ['127.0.0.1', '::1'], here);
    expect(stack.links[0]!.upstream).toBe(`[::1]:${server.port}`);
    expect(await (await fetch(stack.entries[0]!)).text()).toContain('/');
  });

  it('is not started if no fault needs it: the link is the server itself', async () => {
    await using server = (await serverOn('127.0.0.1'))!;
    using here = place();
    const address = `127.0.0.1:${server.port}`;
    {
      await using stack = await up(`http://llm.invalid:${server.port}/team`, ['127.0.0.1'], here, false);
      expect(stack.links).toMatchObject([{ name: TARGET_LINK, listen: address, upstream: address }]);
      expect(stack).toMatchObject({ origin: `http://llm.invalid:${server.port}`, entries: [`http://${address}/team`] });
      const probe = await stack.probe(stack.links[0]!, '/healthz', AbortSignal.timeout(5000));
      expect(probe.ttfbMs).toBeLessThan(250);
      expect(readdirSync(here.options.directory)).toEqual(['watchdog.log']);
    }
    expect(processesOfRun(here.options.runId)).toEqual([]);
  });

  it('reports a refused connection before anything is started', async () => {
    using here = place();
    await expect(up('http://127.0.0.1:9', ['127.0.0.1'], here)).rejects.toMatchObject({
      kind: 'environment',
      code: 'TARGET_REFUSED',
      message: expect.stringContaining('127.0.0.1 port 9'),
      next: expect.any(String),
    });
    expect(processesOfRun(here.options.runId)).toEqual([]);
  });

  it('reports a server that does not respond, within its limit', async () => {
    await using silent = await startFixture('never-accepts.ts');
    using here = place();
    const began = performance.now();
    await expect(up(silent.said, ['127.0.0.1'], here)).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('reports a failed TLS handshake', async () => {
    await using server = (await serverOn('127.0.0.1'))!;
    using here = place();
    const started = up(`https://127.0.0.1:${server.port}`, ['127.0.0.1'], here);
    await expect(started).rejects.toMatchObject({
      code: 'TARGET_TLS',
      next: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
  });

  it('ends everything that was started when it is aborted', async () => {
    await using server = (await serverOn('127.0.0.1'))!;
    const abort = new AbortController();
    using here = place(abort.signal);
    const started = up(`http://127.0.0.1:${server.port}`, ['127.0.0.1'], here);
    setTimeout(() => abort.abort(new Error('aborted')), 100);
    await expect(started).rejects.toThrow('aborted');
    expect(processesOfRun(here.options.runId)).toEqual([]);
  });
});
