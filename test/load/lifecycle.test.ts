import { describe, expect, it } from 'vitest';
import { isGroupAlive } from '../../harness/host/process-group.ts';
import { until } from '../until.ts';
import { outcomesOf, rig, startFixture, startLoad } from './rig.ts';

describe('a running load', () => {
  it('reports progress while it runs', { timeout: 20_000 }, async () => {
    await using server = await startFixture('streams-lognormal.ts', '50', '0');
    using prepared = rig({ forMs: 3000, targets: [server.said] });
    await using load = await startLoad(prepared.job);
    expect(load.progress()).toMatchObject({ sent: 0, recentP99TtftMs: null });
    await until(() => load.progress().sent > 180, 6000);
    const { recentP99TtftMs, recentPerSecond, completed, inFlight, failed } = load.progress();
    expect(recentP99TtftMs).toBeGreaterThan(50);
    expect(recentPerSecond).toBeGreaterThan(20);
    expect(recentPerSecond).toBeLessThan(200);
    expect(completed).toBeGreaterThan(100);
    expect(inFlight).toBeGreaterThan(0);
    expect(failed).toBe(0);
    expect((await load.done).wallMs).toBeGreaterThan(2900);
  });

  it.each(['stop', 'abort'])('cuts and records what is in flight on %s', { timeout: 20_000 }, async how => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ forMs: 60_000, targets: [`${server.said}/never-answers`] });
    const abort = new AbortController();
    await using load = await startLoad(prepared.job, { signal: abort.signal });
    await until(() => load.progress().inFlight > 10, 6000);
    if (how === 'stop') load.stop();
    else abort.abort();
    await load.done;
    const records = await prepared.records();
    expect(Object.keys(outcomesOf(records))).toEqual(['interrupted']);
    expect(load.progress()).toMatchObject({ sent: records.length, completed: 0, failed: 0, inFlight: 0 });
    expect(isGroupAlive(load.pids[0]!)).toBe(false);
  });

  it('writes the journal as it goes', { timeout: 20_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ forMs: 60_000, targets: [`${server.said}/healthy`] });
    await using load = await startLoad(prepared.job);
    await until(() => load.progress().completed > 30, 6000);
    expect((await prepared.records()).length).toBeGreaterThan(10);
  });

  it('ends its process when it is disposed, before the load is done', { timeout: 20_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ forMs: 60_000, targets: [`${server.said}/never-answers`] });
    const load = await startLoad(prepared.job);
    await load[Symbol.asyncDispose]();
    expect(isGroupAlive(load.pids[0]!)).toBe(false);
    await load[Symbol.asyncDispose]();
  });

  it('ends by itself when the process that started it is killed', { timeout: 20_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ forMs: 60_000, targets: [`${server.said}/never-answers`] });
    await using parent = await startFixture('starts-load.ts', JSON.stringify(prepared.job));
    const pid = Number(parent.said);
    expect(isGroupAlive(pid)).toBe(true);
    parent.kill();
    await until(() => !isGroupAlive(pid), 8000);
  });
});

describe('a generator that dies', () => {
  it('rejects `done`, and says how it died', { timeout: 20_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ forMs: 60_000, targets: [`${server.said}/healthy`] });
    await using load = await startLoad(prepared.job);
    process.kill(load.pids[0]!, 'SIGKILL');
    await expect(load.done).rejects.toMatchObject({
      kind: 'stack',
      code: 'LOAD_ENGINE_DIED',
      message: expect.stringContaining('SIGKILL'),
    });
  });

  it('quotes its last words', { timeout: 20_000 }, async () => {
    using prepared = rig({ targets: ['http://127.0.0.1:9'] });
    const job = { ...prepared.job, journalPath: '/proc/no-such-folder/requests.ndjson' };
    const run = async () => {
      await using load = await startLoad(job);
      await load.done;
    };
    await expect(run()).rejects.toMatchObject({ code: 'LOAD_ENGINE_DIED', message: expect.stringContaining('ENOENT') });
  });
});
