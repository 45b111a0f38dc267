import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LoadJob } from '../../harness/contracts.ts';
import { isGroupAlive, processesOfRun } from '../../harness/host/process-group.ts';
import { scheduleOf } from '../../load/schedule.ts';
import { streamEngine } from '../../load/stream/engine.ts';
import { sumProgress } from '../../load/worker/sum.ts';
import { workerEngine } from '../../load/worker/worker-engine.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import { outcomesOf, rig, startFixture, startLoad } from './rig.ts';

const withWorkers = (job: LoadJob, workers: number): LoadJob => ({ ...job, plan: { ...job.plan, workers } });
const folderOf = (job: LoadJob) => dirname(job.journalPath);

describe('a load of several workers', () => {
  it('sends each arrival of the schedule once, and tells the sum of what they do', { timeout: 30_000 }, async () => {
    await using server = await startFixture('streams-lognormal.ts', '20', '0');
    using prepared = rig({ perSecond: 150, forMs: 2000, warmUpMs: 500, arrivals: 'poisson', targets: [server.said] });
    const job = withWorkers(prepared.job, 3);
    await using load = await startLoad(job);
    expect(new Set(load.pids).size).toBe(3);
    const summary = await load.done;

    const times = [...scheduleOf(job.plan, job.seed)];
    const records = [...(await readRequests(folderOf(job)))];
    expect(records.map(({ index }) => index)).toEqual(times.map((_, index) => index));
    expect(records.map(({ scheduledMs }) => scheduledMs)).toEqual(times.map(ms => Number(ms.toFixed(3))));
    expect(outcomesOf(records)).toEqual({ ok: times.length });
    // A journal each, so that none tears another's lines.
    expect(
      readdirSync(folderOf(job))
        .filter(name => name.endsWith('.ndjson'))
        .sort(),
    ).toEqual(['requests.2.ndjson', 'requests.3.ndjson', 'requests.ndjson']);
    expect(load.progress()).toMatchObject({ sent: times.length, completed: times.length, inFlight: 0 });
    expect(load.progress().warmUp.completed).toBe(times.filter(ms => ms < 0).length);
    expect(summary).toMatchObject({ cores: 3, requests: times.length });
    // No process of Node gets by with 40 MB: all three are counted.
    expect(summary.peakRssBytes).toBeGreaterThan(3 * 40e6);
    expect(summary.wallMs).toBeGreaterThan(1900);
    expect(summary.wallMs).toBeLessThan(10_000);
  });

  it('sends the partition of a ramp alone', { timeout: 20_000 }, async () => {
    await using server = await startFixture('streams-lognormal.ts', '20', '0');
    using prepared = rig({ forMs: 1000, targets: [server.said] });
    await using load = await startLoad({ ...withWorkers(prepared.job, 2), partition: { first: 1, step: 3 } });
    await load.done;
    const indexes = [...(await readRequests(folderOf(prepared.job)))].map(({ index }) => index);
    expect(indexes).toEqual([...Array(100).keys()].filter(index => index % 3 === 1));
  });

  it('keeps the bound on requests in flight together', { timeout: 20_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ forMs: 1000, maxInFlight: 25, targets: [`${server.said}/never-answers`] });
    await using load = await startLoad(withWorkers(prepared.job, 2));
    // All 100 are due after a second; none is ever answered.
    for (let i = 0; i < 100 && load.progress().dropped < 75; i += 1) await sleep(50);
    expect(load.progress()).toMatchObject({ inFlight: 25, dropped: 75 });
    load.stop();
    await load.done;
  });

  it('fails as a whole when one worker dies, and leaves none behind', { timeout: 20_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ forMs: 60_000, targets: [`${server.said}/healthy`] });
    const load = await startLoad(withWorkers(prepared.job, 2));
    process.kill(load.pids[1]!, 'SIGKILL');
    await expect(load.done).rejects.toMatchObject({ code: 'LOAD_ENGINE_DIED' });
    await load[Symbol.asyncDispose]();
    expect(load.pids.map(isGroupAlive)).toEqual([false, false]);
  });

  it('leaves no worker behind when the start cannot be had', { timeout: 20_000 }, async () => {
    using prepared = rig({ targets: ['http://127.0.0.1:9'] });
    const refuse = () => {
      throw new Error('too early');
    };
    const start = streamEngine.start(
      { ...withWorkers(prepared.job, 2), runId: 'zero-refused' },
      refuse,
      new AbortController().signal,
    );
    await expect(start).rejects.toThrow('too early');
    expect(processesOfRun('zero-refused')).toEqual([]);
  });

  it('starts none when it is aborted while its tool is looked for', async () => {
    using prepared = rig({ targets: ['http://127.0.0.1:9'] });
    const abort = new AbortController();
    const prepare = async () => {
      abort.abort(new Error('SIGINT'));
      return {};
    };
    const engine = workerEngine({ name: 'stream', path: '/nowhere', prepare });
    await expect(engine.start(prepared.job, () => 0, abort.signal)).rejects.toThrow('SIGINT');
  });
});

describe('the sum of what workers tell', () => {
  it('adds counts up, and never tells a smaller quantile than the largest part', () => {
    const part = (recentP99TtftMs: number | null) => ({
      sent: 1,
      completed: 2,
      failed: 3,
      dropped: 4,
      inFlight: 5,
      recentP99TtftMs,
      recentPerSecond: 6,
      warmUp: { completed: 7, failures: { reset: 8, ...(recentP99TtftMs === 10 ? { 'http-500': 1 } : {}) } },
    });
    expect(sumProgress([part(null), part(10), part(30)])).toEqual({
      sent: 3,
      completed: 6,
      failed: 9,
      dropped: 12,
      inFlight: 15,
      recentP99TtftMs: 30,
      recentPerSecond: 18,
      warmUp: { completed: 21, failures: { reset: 24, 'http-500': 1 } },
    });
    expect(sumProgress([part(null), part(null)]).recentP99TtftMs).toBeNull();
  });
});
