import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import { startTimeOf } from '../../harness/host/process-group.ts';
import { reap } from '../../platform/watchdog/reap.ts';
import { startWatchdog } from '../../platform/watchdog/watchdog.ts';
import { eventually } from '../until.ts';
import { aliveOf, openPorts, testRun } from './fixture-stack.ts';

const LIMIT = 60_000;

interface Held {
  readonly harness: ChildProcess;
  readonly ports: number[];
  readonly pids: number[];
}

async function holdStack(run: ReturnType<typeof testRun>, ...more: string[]): Promise<Held> {
  const { runId, directory } = run.options;
  const program = join(import.meta.dirname, 'fixtures/holds-a-stack.ts');
  const harness = spawn(process.execPath, [program, runId, directory, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: harness.stdout! }), 'line');
  return { harness, ...JSON.parse(line) };
}

/** Watchdogs of a run, which bear no mark, by their command line; Linux only. */
function watchdogsOf(runId: string): number[] {
  const pids = existsSync('/proc/self/cmdline') ? readdirSync('/proc').filter(name => /^\d+$/.test(name)) : [];
  return pids.map(Number).filter(pid => {
    try {
      const [, program, run] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return program?.includes('watchdog-main') && run === runId;
    } catch {
      return false;
    }
  });
}

const sleeper = (env: NodeJS.ProcessEnv = {}) =>
  spawn('sleep', ['300'], { detached: true, stdio: 'ignore', env: { PATH: process.env.PATH, ...env } });

describe('the watchdog', () => {
  it('leaves no process and no port of a harness that was killed', { timeout: LIMIT }, async () => {
    using run = testRun();
    const { runId, directory } = run.options;
    const { harness, ports, pids } = await holdStack(run);
    // The counterpart: before the kill all of it is found.
    expect(await openPorts(ports)).toEqual(ports);
    expect(aliveOf(runId, pids)).toEqual(expect.arrayContaining(pids));
    // On Linux also the proxy and two grandchildren, one of them in a session of its own.
    if (process.platform === 'linux') expect(aliveOf(runId, pids)).toHaveLength(pids.length + 3);
    if (process.platform === 'linux') expect(watchdogsOf(runId)).toHaveLength(1);

    harness.kill('SIGKILL');
    await once(harness, 'exit');
    const isGone = async () => aliveOf(runId, pids).length === 0 && (await openPorts(ports)).length === 0;
    expect(await eventually(isGone, 10_000)).toBe(true);
    expect(await eventually(() => watchdogsOf(runId).length === 0, 5000)).toBe(true);
    const log = readFileSync(join(directory, 'watchdog.log'), 'utf8');
    expect(log).toMatch(
      /The harness ended without taking run \S+ down\. Killed groups .*; all are gone after \d+ ms\.\n$/,
    );
  });

  it('ends with a harness that took its stack down, and writes nothing', { timeout: LIMIT }, async () => {
    using run = testRun();
    const { harness, pids } = await holdStack(run, 'leaves');
    if (harness.exitCode === null) await once(harness, 'exit');
    expect(harness.exitCode).toBe(0);
    expect(aliveOf(run.options.runId, pids)).toEqual([]);
    expect(watchdogsOf(run.options.runId)).toEqual([]);
    expect(readFileSync(join(run.options.directory, 'watchdog.log'), 'utf8')).toBe('');
  });

  it('ignores the signals of a terminal, and reports its loss', { timeout: LIMIT }, async () => {
    using run = testRun();
    const lost: string[] = [];
    const watchdog = await startWatchdog({ ...run.options, onLost: how => lost.push(how) });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(watchdog.pid, signal);
    await systemClock.sleep(200);
    expect(lost).toEqual([]);
    process.kill(watchdog.pid, 'SIGKILL');
    expect(await eventually(() => lost.length === 1)).toBe(true);
    expect(lost).toEqual(['SIGKILL']);
    await watchdog.disarm();
  });
});

describe('reap', () => {
  it('kills a group that was registered, and not a later one of the same number', { timeout: LIMIT }, async () => {
    const child = sleeper();
    const pgid = child.pid!;
    const options = { runId: 'none-such', clock: systemClock, limitMs: 2000 };
    if (process.platform === 'linux') {
      const stranger = await reap({ ...options, groups: [{ pgid, leaderStartTime: '1' }] });
      expect(stranger).toMatchObject({ groups: [], isClean: true });
      expect(aliveOf('', [pgid])).toEqual([pgid]);
    }
    const reaped = await reap({ ...options, groups: [{ pgid, leaderStartTime: startTimeOf(pgid) }] });
    expect(reaped).toMatchObject({ groups: [pgid], isClean: true });
    expect(aliveOf('', [pgid])).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('finds marked processes by the whole run id', { timeout: LIMIT }, async () => {
    const runId = `reap-${process.pid}`;
    const own = sleeper({ SQUALL_RUN: runId });
    const neighbour = sleeper({ SQUALL_RUN: `${runId}0` });
    expect(await eventually(() => aliveOf(runId).length === 1)).toBe(true);
    const reaped = await reap({ groups: [], runId, clock: systemClock, limitMs: 2000 });
    expect(reaped).toMatchObject({ processes: [own.pid], isClean: true });
    expect(aliveOf(`${runId}0`)).toEqual([neighbour.pid]);
    neighbour.kill('SIGKILL');
  });
});
