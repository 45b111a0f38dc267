import { getContainerRuntimeClient } from 'testcontainers';
import { describe, expect, it } from 'vitest';
import { createFault } from '../../faults/catalog.ts';
import { systemClock } from '../../harness/clock.ts';
import { fixtureTopology, testRun } from '../platform/fixture-stack.ts';
import { eventually } from '../until.ts';
import { fixturePlatform, noDocker } from './docker-stack.ts';

const soon = () => AbortSignal.timeout(15_000);
const restart = { baseDelayMs: 300, factor: 2, maxDelayMs: 10_000 };
const plan = { id: 'test', atMs: 0, forMs: null, parameters: {} };

describe.skipIf(Boolean(noDocker))(`faults on containers ${noDocker || ''}`, () => {
  it('kill: the container exits, its supervisor brings it back after the backoff', async () => {
    using run = testRun();
    await using stack = await fixturePlatform().up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart } }),
      run.options,
    );
    const replica = stack.replicas[0]!;
    const before = replica.instance;
    expect(before).toMatch(/^container [0-9a-f]{12} \(process \d+\)$/);
    const fault = createFault({ ...plan, kind: 'kill', target: 'a-1' }, stack, systemClock);
    await fault.inject(soon());
    expect((await fault.verifyEffect(soon())).evidence).toMatch(`${before} is gone, a-1:8000`);
    expect((await fault.verifyHealed(soon())).evidence).toMatch(/^a-1 is ready as container \w{12} \(process \d+\)/);
    expect(replica.instance).not.toBe(before);
    const seen = run.seen.filter(s => s.replica === 'a-1');
    expect(seen.map(s => s.state)).toEqual(['starting', 'ready', 'exited', 'starting', 'ready']);
    expect(seen[2]!.detail).toBe('SIGKILL; starts again in 300 ms');
    // The backoff is a floor; a timer may be a millisecond early.
    expect(seen[3]!.atMs - seen[2]!.atMs).toBeGreaterThanOrEqual(299);
  });

  it('a link whose replica is held down fails at once, and works again after the release', async () => {
    using run = testRun();
    await using stack = await fixturePlatform().up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart } }),
      run.options,
    );
    const [replica, link] = [stack.replicas[0]!, stack.links[1]!];
    replica.hold();
    await replica.kill();
    const startMs = systemClock.nowMs();
    await expect(stack.probe(link, '/', soon())).rejects.toThrow();
    // An engine that does not respond to the name lookup would take 10 s.
    expect(systemClock.nowMs() - startMs).toBeLessThan(2000);
    await replica.release();
    await replica.ready(soon());
    expect((await stack.probe(link, '/', soon())).ttfbMs).toBeLessThan(2000);
  });

  it('latency: is seen on the link, and gone after the heal', async () => {
    using run = testRun();
    await using stack = await fixturePlatform().up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } }),
      run.options,
    );
    const parameters = { latencyMs: 200, jitterMs: 20, stream: 'downstream' };
    const fault = createFault({ ...plan, kind: 'latency', target: 'front→a-1', parameters }, stack, systemClock);
    await fault.inject(soon());
    // 200 ± 20 ms: at least 180 on each of three.
    const { evidence } = await fault.verifyEffect(soon());
    const tookMs = /took (\d+), (\d+), (\d+) ms/.exec(evidence)!.slice(1).map(Number);
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(180);
    await fault.heal(soon());
    expect((await fault.verifyHealed(soon())).evidence).toMatch(/ms again$/);
  });

  it('reports that a container ran out of memory', async () => {
    using run = testRun();
    const limits = { a: { cpus: 1, memoryMiB: 128 } };
    await using stack = await fixturePlatform(limits).up(
      fixtureTopology({ 'a-1': { fixture: 'eats-memory' } }),
      run.options,
    );
    await stack.probe(stack.replicas[0]!, '/eat', soon()).catch(() => {});
    const exited = () => run.seen.find(s => s.replica === 'a-1' && s.state === 'exited');
    expect(await eventually(() => exited() !== undefined)).toBe(true);
    const missed = ' by the kernel; the engine missed the reason';
    const detail = exited()!.detail!.replace(missed, '');
    expect(detail).toBe('OOM, killed at its limit of 128 MiB (SIGKILL); restarting is off');
    expect(stack.replicas[0]!.lastExit!.isOutOfMemory).toBe(true);
  });

  it('does not take it for a lack of memory when somebody else kills a container', async () => {
    using run = testRun();
    const limits = { a: { cpus: 1, memoryMiB: 128 } };
    await using stack = await fixturePlatform(limits).up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } }),
      run.options,
    );
    const replica = stack.replicas[0]!;
    const { dockerode } = (await getContainerRuntimeClient()).container;
    await dockerode.getContainer(/container (\w+)/.exec(replica.instance!)![1]!).kill();
    const exited = () => run.seen.find(s => s.replica === 'a-1' && s.state === 'exited');
    expect(await eventually(() => exited() !== undefined)).toBe(true);
    expect(exited()!.detail).toBe('SIGKILL; restarting is off');
    expect(replica.lastExit!.isOutOfMemory).toBe(false);
  });
});
