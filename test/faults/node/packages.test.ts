import { describe, expect, it } from 'vitest';
import { createFault } from '../../../faults/catalog.ts';
import type { Fault } from '../../../harness/contracts.ts';
import { FakeClock } from '../../fake-clock.ts';
import { FakeReplica, fakeStack, outcomeOf } from '../fakes.ts';

/** Two replicas of zone-a, two of zone-b, and a fault of 10 s on one of them or on a zone. */
function broken(kind: string, { forMs = 10_000 as number | null, parameters = {}, target = 'a-1' } = {}) {
  const clock = new FakeClock(1000);
  const replicas = ['a-1', 'a-2', 'b-1', 'b-2'].map(
    name => new FakeReplica(name, name.startsWith('a') ? 'zone-a' : 'zone-b', clock),
  );
  const stack = fakeStack(clock, replicas);
  const fault = createFault({ id: kind, kind, target, atMs: 0, forMs, parameters }, stack, clock);
  const see = (step: 'verifyEffect' | 'verifyHealed', limitMs = 5000) =>
    outcomeOf(clock, limitMs, signal => fault[step](signal)).then(seen => (seen === 'never' ? seen : seen.evidence));
  const act = (step: 'inject' | 'heal') => outcomeOf(clock, 5000, signal => fault[step](signal));
  return { clock, replicas, replica: replicas[0]!, fault, see, act };
}

const ALL = [
  { kind: 'kill' },
  { kind: 'pause' },
  { kind: 'stop' },
  { kind: 'disconnect' },
  { kind: 'memory', parameters: { limitMiB: 64 } },
  { kind: 'zone-loss', target: 'zone-a' },
];

describe.each(ALL)('$kind', ({ kind, ...options }) => {
  it('has no observable effect when nothing happened to its target', async () => {
    const { replicas, act, see } = broken(kind, options);
    // The calls succeed, and do nothing.
    const nothing = async () => {};
    for (const replica of replicas) {
      Object.assign(replica, { kill: nothing, terminate: nothing, pause: nothing });
      Object.assign(replica.container, { limitMemory: nothing, disconnect: nothing });
    }
    await act('inject');
    expect(await see('verifyEffect')).toBe('never');
  });

  it('heals twice, before and without an injection, and when that failed', async () => {
    for (const failing of [false, true]) {
      const { replicas, replica, act, see } = broken(kind, options);
      const fail = async () => {
        throw new Error('the engine is away');
      };
      if (failing) {
        const { limitMemory } = replica.container;
        Object.assign(replica, { kill: fail, terminate: fail, pause: fail });
        Object.assign(replica.container, { limitMemory: fail, disconnect: fail });
        await expect(act('inject')).rejects.toThrow('the engine is away');
        Object.assign(replica.container, { limitMemory });
      }
      await act('heal');
      await act('heal');
      expect(await see('verifyHealed')).not.toBe('never');
      expect(replicas.map(({ state, mood, holders }) => `${state} ${mood} ${holders.size}`)).toEqual(
        Array(4).fill('ready answers 0'),
      );
    }
  });
});

it.each([
  ['kill', 20_000],
  ['stop', 20_000],
  ['zone-loss', 20_000],
  // It is thawed, and starts nothing.
  ['pause', undefined],
] as const)('%s allows for the cold start of what it ended', (kind, delayMs) => {
  const { fault } = broken(kind, kind === 'zone-loss' ? { target: 'zone-a' } : {});
  expect(fault.healDelayMs).toBe(delayMs);
});

describe('pause', () => {
  it('has taken effect when a probe times out after a second, and heals to the same instance', async () => {
    const { replica, act, see } = broken('pause');
    await act('inject');
    expect(await see('verifyEffect')).toBe('process 1 is still there and did not respond to a probe for 1000 ms');
    expect(replica.state).toBe('ready');
    expect(await see('verifyHealed', 2000)).toBe('never');
    await act('heal');
    expect(await see('verifyHealed')).toMatch(/^a-1 is ready as process 1, \d\.\d s after the pause$/);
  });

  it('waits half of its time when that is shorter', async () => {
    const { act, see } = broken('pause', { forMs: 400 });
    await act('inject');
    expect(await see('verifyEffect', 400)).toContain('did not respond to a probe for 200 ms');
  });

  it('is not taken for a death: one that is refused has no observable effect', async () => {
    const { replica, act, see } = broken('pause');
    replica.pause = replica.kill;
    await act('inject');
    expect(await see('verifyEffect')).toBe('never');
  });
});

describe('stop', () => {
  it('says how it ended and stays away until it is healed', async () => {
    const { replica, act, see } = broken('stop');
    await act('inject');
    expect(await see('verifyEffect')).toBe(
      'process 1 ended with exit code 0 0 ms after SIGTERM, a-1:8000 does not respond',
    );
    expect([...replica.holders]).toEqual(['stop']);
    await act('heal');
    expect(await see('verifyHealed')).toMatch(/^a-1 is ready as process 2, \d\.\d s after the stop$/);
  });

  it('leaves it to the supervisor to bring it back when it has no end', async () => {
    const { replica, act } = broken('stop', { forMs: null });
    await act('inject');
    expect(replica.holders.size).toBe(0);
  });
});

describe('memory', () => {
  const parameters = { limitMiB: 64 };
  const how = 'OOM, killed at its limit of 64 MiB (SIGKILL)';

  it('has taken effect when the engine says that an instance was killed for its memory, and restores the limit', async () => {
    const { replica, act, see } = broken('memory', { parameters });
    await act('inject');
    expect(replica.limitMiB).toBe(64);
    expect(await see('verifyEffect', 1000)).toBe('never');
    replica.end(how, true);
    expect(await see('verifyEffect')).toBe(`process 1, limited to 64 MiB, ended with ${how}`);
    await act('heal');
    expect(replica.limitMiB).toBe(512);
    expect(await see('verifyHealed')).toMatch(/^a-1 is ready as process 2, .* with 512 MiB$/);
  });

  it('takes no other death for it, and no earlier one', async () => {
    const { replica, act, see } = broken('memory', { parameters });
    replica.end(how, true);
    await replica.release();
    await act('inject');
    expect(await see('verifyEffect', 1000)).toBe('never');
    replica.end('SIGKILL');
    expect(await see('verifyEffect', 1000)).toBe('never');
  });

  it.each(['memory', 'disconnect'])('%s refuses what is no container, and says what to do', kind => {
    const clock = new FakeClock();
    const replica = Object.assign(new FakeReplica('a-1', 'zone-a', clock), { container: undefined });
    const plan = { id: kind, kind, target: 'a-1', atMs: 0, forMs: 1, parameters: kind === 'memory' ? parameters : {} };
    let error: unknown;
    try {
      createFault(plan, fakeStack(clock, [replica as unknown as FakeReplica]), clock);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'NOT_A_CONTAINER', next: expect.stringContaining('--platform docker') });
  });
});

describe('disconnect', () => {
  it('has taken effect when nothing responds for 1.5 s though the same instance runs', async () => {
    const { act, see } = broken('disconnect');
    await act('inject');
    expect(await see('verifyEffect', 1200)).toBe('never');
    expect(await see('verifyEffect')).toMatch(/^process 1 is running and has not responded for 1[5-9]\d\d ms$/);
    await act('heal');
    expect(await see('verifyHealed')).toMatch(/^a-1 is ready as process 1, /);
  });

  it('is not taken for a death that is noticed late', async () => {
    const { clock, replica, act, see } = broken('disconnect');
    replica.container.disconnect = async () => replica.feel('refuses');
    await act('inject');
    // Dead at once, but seen to be gone only after a second.
    void clock.sleep(1000).then(() => replica.end('SIGKILL'));
    expect(await see('verifyEffect')).toBe('never');
  });

  it('proves nothing on a replica that did not answer before', async () => {
    const { replica, act, see } = broken('disconnect');
    replica.feel('hangs');
    await act('inject');
    expect(await see('verifyEffect')).toBe('never');
  });
});

describe('zone-loss', () => {
  const target = 'zone-a';

  it('takes all of a zone and nothing else, and brings back whom it took', async () => {
    const { replicas, act, see } = broken('zone-loss', { target });
    await act('inject');
    expect(await see('verifyEffect')).toBe('all of zone-a is gone: a-1, a-2 do not respond, b-1, b-2 elsewhere do');
    expect(replicas.map(({ state }) => state)).toEqual(['exited', 'exited', 'ready', 'ready']);
    await act('heal');
    expect(await see('verifyHealed')).toMatch(/^a-1, a-2 are ready, /);
  });

  it('does not bring back who was away on purpose', async () => {
    const { replicas, act, see } = broken('zone-loss', { target });
    replicas[1]!.hold();
    replicas[1]!.end('exit code 0');
    replicas[1]!.state = 'stopped';
    await act('inject');
    expect(await see('verifyEffect')).toContain('all of zone-a is gone: a-1 do');
    await act('heal');
    expect(await see('verifyHealed')).toMatch(/^a-1 are ready, /);
    expect(replicas[1]!.state).toBe('stopped');
  });

  it('has no observable effect when one of the zone survives, or no replica anywhere does', async () => {
    const survivor = broken('zone-loss', { target });
    survivor.replicas[1]!.kill = async () => {};
    await survivor.act('inject');
    expect(await survivor.see('verifyEffect')).toBe('never');
    const all = broken('zone-loss', { target });
    await all.act('inject');
    for (const replica of all.replicas.slice(2)) replica.end('SIGKILL');
    expect(await all.see('verifyEffect')).toBe('never');
  });

  it('knows the zones there are', () => {
    expect(() => broken('zone-loss', { target: 'zone-c' })).toThrow('one of zone-a, zone-b, got "zone-c"');
  });
});

it('keeps a replica away until the last of two faults is over', async () => {
  const { clock, replica, act, replicas } = broken('stop');
  const zone = createFault(
    { id: 'zone', kind: 'zone-loss', target: 'zone-a', atMs: 0, forMs: 1, parameters: {} },
    fakeStack(clock, replicas),
    clock,
  ) satisfies Fault;
  await act('inject');
  await zone.inject(new AbortController().signal);
  await act('heal');
  expect(replica.state).toBe('exited');
  await zone.heal(new AbortController().signal);
  expect(replica.state).toBe('ready');
});
