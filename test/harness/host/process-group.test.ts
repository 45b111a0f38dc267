import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import {
  endGroup,
  isGroupAlive,
  KILL_LIMIT_MS,
  signalGroup,
  signalProcess,
} from '../../../harness/host/process-group.ts';

const PROGRAM = fileURLToPath(new URL('./fixtures/leads-a-group.ts', import.meta.url));

/** A group of two, of whom the second ignores SIGTERM. */
async function startGroup(how: 'stubborn' | 'polite'): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, how], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void signalGroup(child.pid!, 'SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

async function msOf(task: Promise<void>): Promise<number> {
  const startMs = systemClock.nowMs();
  await task;
  return systemClock.nowMs() - startMs;
}

describe('ending a group', () => {
  it('kills who ignores SIGTERM after its grace, and all of its descendants', async () => {
    const child = await startGroup('stubborn');
    const tookMs = await msOf(endGroup(child, 300));
    // A timer may be a millisecond early; the rest is the kill, bounded.
    expect(tookMs).toBeGreaterThanOrEqual(299);
    expect(child.signalCode).toBe('SIGKILL');
    await expect.poll(() => isGroupAlive(child.pid!), { timeout: 2000 }).toBe(false);
    expect(await msOf(endGroup(child, 300))).toBeLessThan(100);
  });

  it('gives no grace to what a process leaves behind that left by itself', async () => {
    const child = await startGroup('polite');
    expect(await msOf(endGroup(child, 20_000))).toBeLessThan(10_000);
    expect(child.signalCode).toBe('SIGTERM');
    await expect.poll(() => isGroupAlive(child.pid!), { timeout: 2000 }).toBe(false);
  });

  it('asks in other words where it is told to', async () => {
    const child = await startGroup('stubborn');
    await endGroup(child, 20_000, () => child.kill('SIGINT'));
    expect(child.signalCode).toBe('SIGINT');
  });

  it('does what killing the process alone does not do', async () => {
    const child = await startGroup('stubborn');
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    expect(isGroupAlive(child.pid!)).toBe(true);
  });

  it('waits no longer for one that cannot be killed', async () => {
    // No system has such a number, so nobody is hit.
    const child = Object.assign(new EventEmitter(), { pid: 2 ** 30, exitCode: null, signalCode: null });
    const tookMs = await msOf(endGroup(child as ChildProcess, 100, () => {}));
    expect(tookMs).toBeGreaterThanOrEqual(99 + KILL_LIMIT_MS - 1);
    expect(tookMs).toBeLessThan(3000);
  });

  it.each([0, 1, -1, 1.5])('never signals %s, which is no process of ours', number => {
    expect(() => signalProcess(number, 'SIGTERM')).toThrow(RangeError);
    expect(() => signalGroup(number, 'SIGTERM')).toThrow(RangeError);
  });
});
