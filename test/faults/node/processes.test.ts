import { describe, expect, it } from 'vitest';
import { createFault } from '../../../faults/catalog.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { RunningStack } from '../../../harness/contracts.ts';
import { fixtureTopology, platform, testRun } from '../../platform/fixture-stack.ts';

const LIMIT = 40_000;
const soon = (limitMs = 15_000) => AbortSignal.timeout(limitMs);
const restart = { baseDelayMs: 10, factor: 1, maxDelayMs: 10 };
const faultOn = (stack: RunningStack, kind: string, target: string, forMs: number | null = 10_000) =>
  createFault({ id: kind, kind, target, atMs: 0, forMs, parameters: {} }, stack, systemClock);

describe('faults on processes', () => {
  it('pause: the process is there, does not respond, and goes on as the same', { timeout: LIMIT }, async () => {
    using run = testRun();
    await using stack = await platform.up(fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } }), run.options);
    const before = stack.replicas[0]!.instance;
    const fault = faultOn(stack, 'pause', 'a-1');
    await fault.inject(soon());
    // 1000 ms is the floor of a probe that is left alone; the ceiling says that nobody waited longer than that.
    const { evidence } = await fault.verifyEffect(soon());
    expect(evidence).toMatch(
      new RegExp(`^${before} is still there and did not respond to a probe for 1[0-4]\\d\\d ms$`),
    );
    // The kernel accepts for it, so that across its link it hangs as well.
    await expect(stack.probe(stack.links[1]!, '/', soon(300))).rejects.toThrow();
    await expect(fault.verifyHealed(soon(1500))).rejects.toMatchObject({ name: 'TimeoutError' });
    await fault.heal(soon());
    await fault.heal(soon());
    expect((await fault.verifyHealed(soon())).evidence).toMatch(
      new RegExp(`^a-1 is ready as ${before}, \\d+\\.\\d s after`),
    );
    expect(run.seen.filter(({ replica }) => replica === 'a-1').map(({ state }) => state)).toEqual([
      'starting',
      'ready',
    ]);
  });

  it('stop: ends by itself, stays away, and comes back when it is healed', { timeout: LIMIT }, async () => {
    using run = testRun();
    await using stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart } }),
      run.options,
    );
    const fault = faultOn(stack, 'stop', 'a-1');
    await fault.inject(soon());
    expect((await fault.verifyEffect(soon())).evidence).toMatch(
      /^process \d+ ended with SIGTERM \d+ ms after SIGTERM, .* not respond$/,
    );
    // Far longer than the backoff that would have brought it back.
    await systemClock.sleep(300);
    expect(stack.replicas[0]!.state).toBe('stopped');
    await fault.heal(soon());
    expect((await fault.verifyHealed(soon())).evidence).toMatch(/^a-1 is ready as process \d+, /);
  });

  it('stop without an end: its supervisor brings it back', { timeout: LIMIT }, async () => {
    using run = testRun();
    await using stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart } }),
      run.options,
    );
    const fault = faultOn(stack, 'stop', 'a-1', null);
    await fault.inject(soon());
    await fault.verifyEffect(soon());
    await fault.verifyHealed(soon());
  });

  it('zone-loss: all of a zone dies at once and stays away, the others serve', { timeout: LIMIT }, async () => {
    using run = testRun();
    const service = { fixture: 'ready-at-once', restart };
    const topology = fixtureTopology({ 'a-1': service, 'b-1': service, 'b-2': service });
    const replicas = topology.replicas.map(replica => ({
      ...replica,
      zone: replica.name.startsWith('b') ? 'zone-b' : 'zone-a',
    }));
    await using stack = await platform.up({ ...topology, replicas }, run.options);
    const fault = faultOn(stack, 'zone-loss', 'zone-b');
    await fault.inject(soon());
    expect((await fault.verifyEffect(soon())).evidence).toBe(
      'all of zone-b is gone: b-1, b-2 do not respond, a-1, front elsewhere do',
    );
    await systemClock.sleep(300);
    expect(stack.replicas.map(({ state }) => state)).toEqual(['ready', 'exited', 'exited', 'ready']);
    await Promise.all([fault.heal(soon()), fault.heal(soon())]);
    expect((await fault.verifyHealed(soon())).evidence).toMatch(/^b-1, b-2 are ready, \d+\.\d s after the loss$/);
  });

  it('a stack whose replica is paused is taken down as quickly as any', { timeout: LIMIT }, async () => {
    using run = testRun();
    const stack = await platform.up(fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } }), run.options);
    await faultOn(stack, 'pause', 'a-1').inject(soon());
    const startMs = systemClock.nowMs();
    await stack[Symbol.asyncDispose]();
    expect(systemClock.nowMs() - startMs).toBeLessThan(4000);
    expect(stack.replicas[0]!.lastExit?.how).toBe('SIGTERM');
  });
});
