import { getContainerRuntimeClient } from 'testcontainers';
import { describe, expect, it } from 'vitest';
import { createFault } from '../../faults/catalog.ts';
import { systemClock } from '../../harness/clock.ts';
import type { RunningStack } from '../../harness/contracts.ts';
import { fixtureTopology, testRun } from '../platform/fixture-stack.ts';
import { fixturePlatform, leftOf, noDocker } from './docker-stack.ts';

const soon = (limitMs = 15_000) => AbortSignal.timeout(limitMs);
const restart = { baseDelayMs: 300, factor: 2, maxDelayMs: 1000 };
const faultOn = (stack: RunningStack, kind: string, target: string, parameters = {}) =>
  createFault({ id: kind, kind, target, atMs: 0, forMs: 10_000, parameters }, stack, systemClock);

async function inspect(runId: string, name: string) {
  const client = await getContainerRuntimeClient();
  return client.container.getById(`squall-${runId}-${name}`).inspect();
}

describe.skipIf(Boolean(noDocker))(`faults of a node on containers ${noDocker || ''}`, () => {
  it('pause: the container is frozen, continues as the same instance, and ends even while frozen', async () => {
    using run = testRun();
    const { runId } = run.options;
    const stack = await fixturePlatform().up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart }, 'a-2': { fixture: 'ready-at-once' } }),
      run.options,
    );
    await using _stack = stack;
    const [replica, other] = stack.replicas;
    const before = replica!.instance;
    const fault = faultOn(stack, 'pause', 'a-1');
    await fault.inject(soon());
    // A probe has to stay unanswered for at least 1000 ms.
    expect((await fault.verifyEffect(soon())).evidence).toMatch(
      / is still there and did not respond to a probe for 1[0-4]\d\d ms$/,
    );
    expect((await inspect(runId, 'a-1')).State).toMatchObject({ Running: true, Paused: true });
    expect(replica!.state).toBe('ready');
    await fault.heal(soon());
    await fault.heal(soon());
    expect((await fault.verifyHealed(soon())).evidence).toContain(`a-1 is ready as ${before}, `);
    // Killed while it is frozen, it comes back by itself and is frozen no more.
    await fault.inject(soon());
    await fault.inject(soon());
    await replica!.kill();
    expect(replica!.lastExit).toMatchObject({ how: 'SIGKILL', isOutOfMemory: false });
    await replica!.ready(soon());
    await replica!.pause();
    await other!.pause();
    const startMs = systemClock.nowMs();
    await stack[Symbol.asyncDispose]();
    expect(systemClock.nowMs() - startMs).toBeLessThan(10_000);
    expect(await leftOf(runId)).toEqual([]);
  });

  it('stop and zone-loss: containers end, stay away, and come back when they are healed', async () => {
    using run = testRun();
    const service = { fixture: 'ready-at-once', restart };
    const topology = fixtureTopology({ 'a-1': service, 'b-1': service, 'b-2': service });
    const replicas = topology.replicas.map(plan => ({ ...plan, zone: plan.service === 'b' ? 'zone-b' : 'zone-a' }));
    await using stack = await fixturePlatform().up({ ...topology, replicas }, run.options);
    const stop = faultOn(stack, 'stop', 'a-1');
    await stop.inject(soon());
    expect((await stop.verifyEffect(soon())).evidence).toMatch(
      / ended with SIG\w+ \d+ ms after SIGTERM, a-1:8000 does not respond$/,
    );
    const loss = faultOn(stack, 'zone-loss', 'zone-b');
    await loss.inject(soon());
    expect((await loss.verifyEffect(soon())).evidence).toBe(
      'all of zone-b is gone: b-1, b-2 do not respond, front elsewhere do',
    );
    expect(stack.replicas.map(({ state }) => state)).toEqual(['stopped', 'exited', 'exited', 'ready']);
    await Promise.all([stop.heal(soon()), loss.heal(soon())]);
    expect((await loss.verifyHealed(soon())).evidence).toMatch(/^b-1, b-2 are ready/);
    expect((await stop.verifyHealed(soon())).evidence).toMatch(/^a-1 is ready as container/);
  });

  it('memory: the kernel kills what uses more, again after each restart, until the limit is restored', async () => {
    using run = testRun();
    const { runId } = run.options;
    const pipes = () => process.getActiveResourcesInfo().filter(name => name === 'PipeWrap').length;
    const pipesBefore = pipes();
    const holds = { fixture: 'holds-memory', restart, environment: { HELD_MIB: '128' } };
    const stack = await fixturePlatform().up(fixtureTopology({ 'a-1': holds }), run.options);
    await using _stack = stack;
    const replica = stack.replicas[0]!;
    // The counterpart: with 400 MiB it has enough, so nothing takes effect.
    const harmless = faultOn(stack, 'memory', 'a-1', { limitMiB: 400 });
    await harmless.inject(soon());
    await expect(harmless.verifyEffect(soon(1500))).rejects.toMatchObject({ name: 'TimeoutError' });
    await harmless.heal(soon());
    const before = replica.instance;
    const fault = faultOn(stack, 'memory', 'a-1', { limitMiB: 96 });
    await fault.inject(soon());
    const { evidence } = await fault.verifyEffect(soon());
    const [, limit] =
      /limited to 96 MiB, ended with OOM, killed at its limit of (\d+) MiB \(SIGKILL\)$/.exec(evidence) ?? [];
    expect(evidence.startsWith(before!)).toBe(true);
    // Where the kernel (cgroup v1) rejects a limit below the usage, it was killed at its usage, which was below 512 MiB.
    expect(Number(limit)).toBeGreaterThanOrEqual(96);
    expect(Number(limit)).toBeLessThan(300);
    // The next one has 96 MiB from its start, which its 128 MiB do not fit into.
    await expect.poll(() => replica.lastExit?.how, { timeout: 10_000 }).toContain('its limit of 96 MiB');
    await fault.heal(soon());
    expect((await fault.verifyHealed(soon(20_000))).evidence).toMatch(/^a-1 is ready as container .* with 512 MiB$/);
    expect((await inspect(runId, 'a-1')).HostConfig.Memory).toBe(512 * 2 ** 20);
    // No call to the engine stays open, which would keep the harness alive.
    await stack[Symbol.asyncDispose]();
    await expect.poll(pipes, { timeout: 5000 }).toBeLessThanOrEqual(pipesBefore);
  });

  it('disconnect: the container runs on out of reach, and is found again under its name', async () => {
    using run = testRun();
    const { runId } = run.options;
    await using stack = await fixturePlatform().up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart } }),
      run.options,
    );
    const link = stack.links[1]!;
    const replica = stack.replicas[0]!;
    const before = replica.instance;
    const fault = faultOn(stack, 'disconnect', 'a-1');
    await fault.inject(soon());
    expect((await fault.verifyEffect(soon())).evidence).toMatch(
      /^container \w+ \(process \d+\) is running and has not responded for 1[5-9]\d\d ms$/,
    );
    const cutOff = await inspect(runId, 'a-1');
    expect([cutOff.State.Running, cutOff.NetworkSettings.Networks]).toEqual([true, {}]);
    await expect(stack.probe(link, '/', soon(3000))).rejects.toThrow();
    await fault.heal(soon());
    await fault.heal(soon());
    expect((await fault.verifyHealed(soon())).evidence).toContain(`a-1 is ready as ${before}, `);
    expect((await stack.probe(link, '/', soon())).ttfbMs).toBeLessThan(2000);
    // It stays unreachable after a restart.
    await fault.inject(soon());
    await replica.kill();
    await expect.poll(() => replica.instance, { timeout: 10_000 }).toBeDefined();
    expect((await inspect(runId, 'a-1')).NetworkSettings.Networks).toEqual({});
    await fault.heal(soon());
    await fault.verifyHealed(soon());
  });
});
