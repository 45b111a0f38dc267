import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesOfRun } from '../../harness/host/process-group.ts';
import type { HttpWorkload } from '../../harness/plan.ts';
import { k6Engine } from '../../load/k6/engine.ts';
import { findK6, requireK6 } from '../../load/k6/program/find.ts';
import { squall, start, temporaryFolder } from '../e2e/squall.ts';
import { outcomesOf, type RigOptions, rig, startFixture, startLoad } from '../load/rig.ts';
import { until } from '../until.ts';
import { buildK6Image, noImage } from './k6-image.ts';

const IMAGE = `squall-test/k6:${process.pid}`;
const { PATH } = process.env;
const env = { PATH, SQUALL_K6_IMAGE: IMAGE };
const engine = k6Engine({ find: { env } });

const WORKLOAD: HttpWorkload = {
  ...{ kind: 'http', name: 'plain', model: '', method: 'GET', path: '/well', headers: {}, body: '' },
  expect: { status: [200], bodyContains: 'hits the wall', maxBytes: 100 },
};

let runs = 0;
const prepare = (options: RigOptions) => {
  runs += 1;
  const prepared = rig({ workload: WORKLOAD, perSecond: 50, maxInFlight: 20, ...options });
  return { ...prepared, job: { ...prepared.job, runId: `k6-container-${process.pid}-${runs}` } };
};

const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();
const containersOf = (runId: string) => docker('ps', '--all', '--quiet', '--filter', `label=squall.run=${runId}`);

describe.skipIf(Boolean(noImage))(`k6 from an image ${noImage || ''}`, () => {
  let image: Disposable;
  beforeAll(() => {
    image = buildK6Image(IMAGE);
  });
  afterAll(() => image[Symbol.dispose]());

  it('writes the same records as k6 does, and leaves nothing', { timeout: 60_000 }, async () => {
    await using server = await startFixture('answers-plainly.ts');
    const drive = async (chosen: typeof engine) => {
      const { job, records, ...prepared } = prepare({ forMs: 2000, warmUpMs: 500, targets: [server.said] });
      try {
        await using load = await startLoad(job, { engine: chosen });
        const summary = await load.done;
        expect(containersOf(job.runId)).toBe('');
        return { records: (await records()).sort((a, b) => a.index - b.index), summary };
      } finally {
        prepared[Symbol.dispose]();
      }
    };
    const inside = await drive(engine);
    const outside = await drive(k6Engine());
    expect(outcomesOf(inside.records)).toEqual({ ok: 125 });
    expect(outcomesOf(outside.records)).toEqual({ ok: 125 });
    // The same schedule, to the clock's own error and to how late each of them began; the same shape of a record.
    const apart = inside.records.map((record, index) => record.scheduledMs - outside.records[index]!.scheduledMs);
    const late = apart.toSorted((a, b) => a - b)[Math.floor(apart.length / 2)]!;
    expect(Math.abs(late)).toBeLessThan(1000);
    // When each began, which a busy machine delays now and then.
    const isNear = apart.map(apartMs => Math.abs(apartMs - late) < 50);
    expect(isNear.filter(Boolean).length).toBeGreaterThan(0.9 * apart.length);
    for (const [index, record] of inside.records.entries()) {
      const other = outside.records[index]!;
      expect(Object.keys(record)).toEqual(Object.keys(other));
      expect(record).toMatchObject({ status: 200, upstream: 'fixture-1' });
      // By when it began: at the end of the warm-up, either side of it.
      if (isNear[index] && Math.abs(record.scheduledMs) > 50 + Math.abs(late)) expect(record.stage).toBe(other.stage);
      expect(record.sentMs!).toBeGreaterThanOrEqual(record.scheduledMs);
      expect(record.endMs - record.firstTokenMs!).toBeLessThan(1000);
    }
    // What k6 itself used, not the docker command.
    expect(inside.summary.peakRssBytes).toBeGreaterThan(60e6);
    expect(inside.summary.cpuMs).toBeGreaterThan(20);
  });

  it('has no privileges, nothing to write to, and is gone when the load is stopped', { timeout: 60_000 }, async () => {
    await using server = await startFixture('answers-plainly.ts');
    const workload = { ...WORKLOAD, path: '/never' };
    using prepared = prepare({ forMs: 60_000, workload, targets: [server.said] });
    const { job } = prepared;
    const abort = new AbortController();
    await using load = await startLoad(job, { engine, signal: abort.signal });
    await until(() => load.progress().sent > 10, 20_000);
    const [{ HostConfig, Config, Mounts, Name }] = JSON.parse(docker('inspect', containersOf(job.runId)));
    expect(Name).toBe(`/squall-${job.runId}-k6`);
    expect(HostConfig).toMatchObject({
      ...{ NetworkMode: 'host', ReadonlyRootfs: true, AutoRemove: true, CapDrop: ['ALL'], Privileged: false },
      ...{ SecurityOpt: ['no-new-privileges'], LogConfig: { Type: 'none' } },
    });
    expect(Config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(Mounts).toMatchObject([{ Destination: '/squall', RW: false }]);
    abort.abort();
    await load.done;
    expect(containersOf(job.runId)).toBe('');
    const outcomes = outcomesOf(await prepared.records());
    expect(outcomes.interrupted).toBeGreaterThan(0);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is gone after %s to whoever reads it',
    { timeout: 60_000 },
    async signal => {
      await using server = await startFixture('answers-plainly.ts');
      using prepared = prepare({ forMs: 60_000, targets: [server.said] });
      const { job } = prepared;
      await using load = await startLoad(job, { engine });
      await until(() => load.progress().sent > 10, 20_000);
      expect(containersOf(job.runId)).not.toBe('');
      // As a harness ends it, and as its watchdog does.
      process.kill(signal === 'SIGKILL' ? -load.pids[0]! : load.pids[0]!, signal);
      await load.done.catch(() => {});
      await until(() => containersOf(job.runId) === '', 15_000);
    },
  );

  it.each(['SIGINT', 'SIGKILL'] as const)(
    'is gone after %s to the harness of a run',
    { timeout: 60_000 },
    async signal => {
      await using server = await startFixture('answers-plainly.ts');
      using out = temporaryFolder();
      const scenario = join(import.meta.dirname, '../e2e/fixtures/plain-http.yaml');
      const changes = ['load.engine=k6', 'load.stages.0={at: 50/s, for: 60s}'];
      const set = changes.flatMap(change => ['--set', change]);
      const args = ['run', scenario, '--target', server.said, '--out', out.path, ...set];
      const { child, finished } = start(args, { SQUALL_K6_IMAGE: IMAGE });
      await until(() => readdirSync(out.path).length > 0, 20_000);
      const [id] = readdirSync(out.path);
      await until(() => docker('ps', '--quiet', '--filter', `label=squall.run=${id}`) !== '', 20_000);
      child.kill(signal);
      await finished;
      // Nobody is left to take it away after SIGKILL but the watchdogs.
      await until(() => containersOf(id!) === '' && processesOfRun(id!).length === 0, 15_000);
    },
  );

  it('is what doctor finds', { timeout: 60_000 }, async () => {
    const k6 = async (image: string) => {
      const { stdout } = await squall(['doctor', '--json'], { SQUALL_K6_IMAGE: image });
      return (JSON.parse(stdout) as { part: string }[]).find(({ part }) => part === 'k6');
    };
    const advice = expect.stringContaining(`image ${IMAGE}`);
    expect(await k6(IMAGE)).toMatchObject({ state: 'found', version: expect.stringMatching(/^2\./), advice });
    const absent = expect.stringContaining('docker pull squall-test/absent:1');
    expect(await k6('squall-test/absent:1')).toMatchObject({ state: 'missing', advice: absent });
  });

  it('is never pulled', { timeout: 60_000 }, async () => {
    const absent = { find: { env: { PATH, SQUALL_K6_IMAGE: 'squall-test/absent:1' } } };
    expect(await findK6(absent.find)).toBeUndefined();
    await expect(requireK6(absent.find)).rejects.toMatchObject({
      ...{ kind: 'environment', code: 'IMAGE_MISSING' },
      ...{ message: expect.stringContaining('squall-test/absent:1'), next: expect.stringContaining('docker pull') },
    });
    const noCommand = { env: { PATH: '/nonexistent', SQUALL_K6_IMAGE: IMAGE } };
    await expect(requireK6(noCommand)).rejects.toMatchObject({ code: 'NO_DOCKER_COMMAND' });
  });
});
