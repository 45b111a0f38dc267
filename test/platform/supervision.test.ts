import { describe, expect, it } from 'vitest';
import { eventually } from '../until.ts';
import { aliveOf, fixtureTopology, platform, testRun } from './fixture-stack.ts';

const LIMIT = 40_000;
const soon = () => AbortSignal.timeout(15_000);
const states = (run: ReturnType<typeof testRun>, name: string) =>
  run.seen.filter(({ replica }) => replica === name).map(({ state }) => state);

describe.concurrent('a supervised replica', () => {
  it('comes back at the same address after a kill and its backoff', { timeout: LIMIT }, async () => {
    using run = testRun();
    const restart = { baseDelayMs: 300, factor: 2, maxDelayMs: 10_000 };
    await using stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'forks-a-grandchild', restart } }),
      run.options,
    );
    const replica = stack.replicas[0]!;
    const before = { pid: replica.pid, url: replica.url };
    await replica.kill();
    expect(replica.state).toBe('exited');
    expect(replica.pid).toBeUndefined();
    expect(aliveOf('', [before.pid!])).toEqual([]);
    await expect(fetch(replica.url)).rejects.toThrow();
    await replica.ready(soon());
    expect(replica.url).toBe(before.url);
    expect(replica.pid).not.toBe(before.pid);
    expect((await fetch(stack.links[1]!.listen.replace(/^/, 'http://'))).status).toBe(200);
    expect(states(run, 'a-1')).toEqual(['starting', 'ready', 'exited', 'starting', 'ready']);
    const [exited, started] = run.seen.filter(s => s.replica === 'a-1').slice(2);
    expect(exited!.detail).toBe('SIGKILL; starts again in 300 ms');
    // The backoff is a floor; a timer may be a millisecond early.
    expect(started!.atMs - exited!.atMs).toBeGreaterThanOrEqual(299);
  });

  it('ends the rest of the group of a process that crashes alone', { timeout: LIMIT }, async () => {
    using run = testRun();
    await using stack = await platform.up(fixtureTopology({ 'a-1': { fixture: 'forks-a-grandchild' } }), run.options);
    const replica = stack.replicas[0]!;
    const group = replica.pid!;
    // Only the leader gets the signal; its child, and with it the group, would otherwise survive.
    process.kill(group, 'SIGKILL');
    expect(await eventually(() => replica.state === 'exited')).toBe(true);
    expect(aliveOf('', [group])).toEqual([]);
  });

  it('stays away while it is held, and comes back when it is released', { timeout: LIMIT }, async () => {
    using run = testRun();
    const restart = { baseDelayMs: 10, factor: 1, maxDelayMs: 10 };
    await using stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart } }),
      run.options,
    );
    const replica = stack.replicas[0]!;
    replica.hold();
    await replica.kill();
    // Ten to a hundred times the backoff that would have brought it back.
    await run.options.clock.sleep(500);
    expect(states(run, 'a-1')).toEqual(['starting', 'ready', 'exited']);
    const waiting = replica.ready(AbortSignal.timeout(100));
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
    await Promise.all([replica.release(), replica.release()]);
    await replica.ready(soon());
    expect(states(run, 'a-1')).toEqual(['starting', 'ready', 'exited', 'starting', 'ready']);
    await replica.release();
    expect(states(run, 'a-1')).toHaveLength(5);
  });

  it('stays down where restarting is off, until it is released, even while it is being killed', {
    timeout: LIMIT,
  }, async () => {
    using run = testRun();
    await using stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart: 'off' } }),
      run.options,
    );
    const replica = stack.replicas[0]!;
    await replica.kill();
    await replica.kill();
    await run.options.clock.sleep(300);
    expect(replica.state).toBe('exited');
    expect(run.seen.at(-1)!.detail).toBe('SIGKILL; restarting is off');
    await replica.release();
    await replica.ready(soon());
    const killed = replica.kill();
    await replica.release();
    await killed;
    await replica.ready(soon());
    expect(states(run, 'a-1').filter(state => state === 'ready')).toHaveLength(3);
  });

  it('does not respond while it is paused, and is the same instance afterwards', { timeout: LIMIT }, async () => {
    using run = testRun();
    await using stack = await platform.up(fixtureTopology({ 'a-1': { fixture: 'forks-a-grandchild' } }), run.options);
    const replica = stack.replicas[0]!;
    const before = replica.instance;
    const status = (limitMs = 5000) => fetch(replica.url, { signal: AbortSignal.timeout(limitMs) }).then(r => r.status);
    expect(await status()).toBe(200);
    await replica.pause();
    await expect(status(500)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(replica.state).toBe('ready');
    await replica.resume();
    expect(await status()).toBe(200);
    expect(replica.instance).toBe(before);
  });

  it('ends though it is paused, however it is ended', { timeout: LIMIT }, async () => {
    using run = testRun();
    const topology = fixtureTopology({
      'a-1': { fixture: 'ready-at-once' },
      'a-2': { fixture: 'ready-at-once' },
      'a-3': { fixture: 'forks-a-grandchild' },
    });
    const stack = await platform.up(topology, run.options);
    await using _stack = stack;
    const [killed, terminated, stopped] = stack.replicas;
    const pids = stack.replicas.map(({ pid }) => pid!);
    await Promise.all([killed!.pause(), terminated!.pause(), stopped!.pause()]);
    await Promise.all([killed!.kill(), terminated!.terminate()]);
    expect(killed!.lastExit?.how).toBe('SIGKILL');
    // It still received SIGTERM.
    expect(terminated!.lastExit?.how).toBe('SIGTERM');
    await stack[Symbol.asyncDispose]();
    expect(stopped!.lastExit?.how).toBe('SIGTERM');
    expect(aliveOf(run.options.runId, pids)).toEqual([]);
  });

  it('ends gracefully while it is held, and comes back when it is released', { timeout: LIMIT }, async () => {
    using run = testRun();
    const restart = { baseDelayMs: 10, factor: 1, maxDelayMs: 10 };
    await using stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'ready-at-once', restart }, 'a-2': { fixture: 'ignores-sigterm', restart } }),
      run.options,
    );
    const [polite, stubborn] = stack.replicas;
    polite!.hold();
    stubborn!.hold();
    const startMs = run.options.clock.nowMs();
    await Promise.all([polite!.terminate(), stubborn!.terminate()]);
    // The grace is 2.5 s; a timer may be a millisecond early.
    expect(stubborn!.lastExit!.atMs - startMs).toBeGreaterThanOrEqual(2499);
    expect(polite!.lastExit!.atMs - startMs).toBeLessThan(2000);
    expect([polite!.lastExit!.how, stubborn!.lastExit!.how]).toEqual(['SIGTERM', 'SIGKILL']);
    expect([polite!.state, stubborn!.state]).toEqual(['stopped', 'stopped']);
    await polite!.release();
    await polite!.ready(soon());
    expect(states(run, 'a-1')).toEqual(['starting', 'ready', 'stopped', 'starting', 'ready']);
    expect(stubborn!.state).toBe('stopped');
  });

  it('is not started with its stack when it stands by, but when it is released', { timeout: LIMIT }, async () => {
    using run = testRun();
    const topology = fixtureTopology({ 'a-1': { fixture: 'ready-at-once' }, 'a-2': { fixture: 'ready-at-once' } });
    const replicas = topology.replicas.map(plan => (plan.name === 'a-2' ? { ...plan, isStandby: true } : plan));
    const stack = await platform.up({ ...topology, replicas }, run.options);
    await using _stack = stack;
    const [, spare] = stack.replicas;
    expect([spare!.state, spare!.pid]).toEqual(['stopped', undefined]);
    expect(states(run, 'a-2')).toEqual([]);
    await spare!.release();
    await spare!.ready(soon());
    expect((await fetch(`http://${stack.links[2]!.listen}`)).status).toBe(200);
    spare!.hold();
    await spare!.terminate();
    await stack[Symbol.asyncDispose]();
    expect(states(run, 'a-2')).toEqual(['starting', 'ready', 'stopped']);
    expect(aliveOf(run.options.runId)).toEqual([]);
  });

  it('is given up when it no longer becomes ready', { timeout: LIMIT }, async () => {
    using run = testRun();
    const restart = { baseDelayMs: 1, factor: 1, maxDelayMs: 1 };
    await using stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'dies-on-restart', restart } }),
      run.options,
    );
    const replica = stack.replicas[0]!;
    await replica.kill();
    expect(await eventually(() => replica.state === 'failed', 15_000)).toBe(true);
    // The one that worked, and five that did not.
    expect(states(run, 'a-1').filter(state => state === 'starting')).toHaveLength(6);
    expect(run.seen.at(-1)!.detail).toBe('exit code 4; given up after 5 exits without being ready');
    await expect(replica.ready(soon())).rejects.toMatchObject({ code: 'SERVICE_DIED' });
  });
});
