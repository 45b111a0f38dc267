import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFault } from '../../../faults/catalog.ts';
import { connectToxiproxy } from '../../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../../faults/toxiproxy/find.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { RunningStack } from '../../../harness/contracts.ts';
import { processPlatform } from '../../../platform/process/platform.ts';
import type { Topology } from '../../../stack/topology.ts';
import { fixtureTopology, testRun } from '../../platform/fixture-stack.ts';
import { SERVERS, type ServerRow } from '../toxiproxy/servers.ts';

const soon = (limitMs = 15_000) => AbortSignal.timeout(limitMs);

/** `front` and `a-1` in zone-a, `b-1` in zone-b: `front→b-1` crosses, `front→a-1` does not, `client→front` comes from outside. */
function zoned(): Topology {
  const service = { fixture: 'ready-at-once', restart: { baseDelayMs: 10, factor: 1, maxDelayMs: 10 } };
  const { replicas, links, authorization } = fixtureTopology({ 'a-1': service, 'b-1': service });
  return {
    replicas: replicas.map(replica => ({ ...replica, zone: replica.name === 'b-1' ? 'zone-b' : 'zone-a' })),
    links: links.map(link => (link.usedBy === 'clients' ? link : { ...link, fromZone: 'zone-a' })),
    authorization,
  };
}

function platformOver({ env }: ServerRow) {
  const find = (address: { host: string; port: number; seed: number }, signal?: AbortSignal) =>
    findToxiproxy({ ...address, env }, signal);
  return processPlatform({ find, connect: connectToxiproxy }, { readyLimitMs: 15_000 });
}

describe.each(SERVERS)('zone-partition over the $title fault proxy', row => {
  let run: ReturnType<typeof testRun>;
  let stack: RunningStack;
  beforeAll(async () => {
    if (row.isMissing) return;
    run = testRun();
    stack = await platformOver(row).up(zoned(), run.options);
  });
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    run?.[Symbol.dispose]();
  });
  const it_ = it.skipIf(row.isMissing);
  const partition = (
    target = 'zone-b | zone-a',
    parameters: Readonly<Record<string, unknown>> = { mode: 'drop' },
    forMs = 10_000,
  ) => createFault({ id: 'p', kind: 'zone-partition', target, atMs: 0, forMs, parameters }, stack, systemClock);
  const toxicsLeft = async () => {
    const toxiproxy = connectToxiproxy({ apiUrl: stack.proxyApiUrl, token: stack.proxyToken });
    return (await Promise.all(stack.links.map(({ name }) => toxiproxy.listToxics(name)))).flat();
  };
  const ask = (name: string, limitMs: number) => {
    const { listen } = stack.links.find(link => link.name === name)!;
    return fetch(`http://${listen}`, { signal: soon(limitMs) }).then(
      r => r.status,
      error => error.name as string,
    );
  };

  it_('drop: what crosses hangs, the rest is as before, and all is well after the heal', async () => {
    const fault = partition();
    // Kept alive by fetch, so that it is there when the zones are cut.
    expect(await ask('front→b-1', 2000)).toBe(200);
    await fault.inject(soon());
    // 1000 ms is the floor of a probe that is left alone; the ceiling is that it hangs no longer than it may.
    const { evidence } = await fault.verifyEffect(soon());
    expect(evidence).toMatch(/^front→b-1 did not respond to a probe for 1[0-4]\d\d ms, front→a-1 responds in \d+ ms$/);
    expect(await ask('front→b-1', 400)).toBe('TimeoutError');
    expect(await ask('front→a-1', 2000)).toBe(200);
    expect(await ask('client→front', 2000)).toBe(200);
    await expect(fault.verifyHealed(soon(1500))).rejects.toMatchObject({ name: 'TimeoutError' });
    await Promise.all([fault.heal(soon()), ask('front→b-1', 2000)]);
    expect((await fault.verifyHealed(soon())).evidence).toMatch(/^1 links across zone-a\|zone-b took \d+ ms again, /);
    expect(await toxicsLeft()).toEqual([]);
    await fault.heal(soon());
  });

  it_('reset: what crosses is turned away at once, around one zone as well', async () => {
    const fault = partition('zone-b', { mode: 'reset' });
    await fault.inject(soon());
    const { evidence } = await fault.verifyEffect(soon());
    expect(evidence).toMatch(/^front→b-1 reset a probe, front→a-1 responds in \d+ ms$/);
    await fault.heal(soon());
    await fault.verifyHealed(soon());
    expect(await ask('front→b-1', 2000)).toBe(200);
  });

  it_('heals while many connections are being closed, and leaves other faults alone', async () => {
    const latency = createFault(
      {
        id: 'l',
        kind: 'latency',
        target: 'front→b-1',
        atMs: 0,
        forMs: 1,
        parameters: { latencyMs: 1, jitterMs: 0, stream: 'downstream' },
      },
      stack,
      systemClock,
    );
    await latency.inject(soon());
    const fault = partition();
    await fault.inject(soon());
    const asking = Array.from({ length: 30 }, (_, index) => ask('front→b-1', 300 + index * 10));
    // Their limits pass while it heals: the moment at which a real Toxiproxy hangs that is told to remove a toxic.
    await systemClock.sleep(310);
    const startMs = systemClock.nowMs();
    await fault.heal(soon());
    expect(systemClock.nowMs() - startMs).toBeLessThan(5000);
    await Promise.all(asking);
    await fault.verifyHealed(soon());
    expect((await toxicsLeft()).map(({ name }) => name)).toEqual(['latency-downstream']);
    await latency.heal(soon());
  });

  it_(
    'heals before it was injected, after an injection that was cut short, and where the proxy is missing',
    async () => {
      const never = partition();
      await never.heal(soon());
      const cutShort = partition();
      const abort = new AbortController();
      const injecting = cutShort.inject(abort.signal);
      setTimeout(() => abort.abort(new Error('cut short')), 15);
      await injecting.catch(() => {});
      await cutShort.heal(soon());
      expect(await toxicsLeft()).toEqual([]);
      const fault = partition();
      await fault.inject(soon());
      await connectToxiproxy({ apiUrl: stack.proxyApiUrl, token: stack.proxyToken }).deleteProxy('front→b-1');
      await fault.heal(soon());
      await fault.verifyHealed(soon());
      expect(await ask('front→b-1', 2000)).toBe(200);
    },
  );

  it_('has no observable effect when the links are not cut, nor when everything is down', async () => {
    const fault = partition();
    await fault.inject(soon());
    await connectToxiproxy({ apiUrl: stack.proxyApiUrl, token: stack.proxyToken }).reset();
    await expect(fault.verifyEffect(soon(1500))).rejects.toMatchObject({ name: 'TimeoutError' });
    await fault.inject(soon());
    for (const replica of stack.replicas) await replica.pause();
    await expect(fault.verifyEffect(soon(3500))).rejects.toMatchObject({ name: 'TimeoutError' });
    for (const replica of stack.replicas) await replica.resume();
    await fault.heal(soon());
    await fault.verifyHealed(soon());
  });

  it_('knows the boundaries there are', () => {
    expect(() => partition('zone-a|zone-c')).toThrow('one of zone-a, zone-b, zone-a|zone-b, got "zone-a|zone-c"');
  });
});
