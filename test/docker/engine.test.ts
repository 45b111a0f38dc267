import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { which } from 'zx';
import { ensureEngine } from '../../platform/docker/images/engine.ts';

const canStart =
  process.platform === 'linux' && process.getuid?.() === 0 && (await which('dockerd', { nothrow: true }));
const reason = canStart ? '' : '(skipped: it takes root and dockerd on Linux)';

/**
 * An engine beside the machine's own, with folders and a socket of its own, and in a network namespace of its own: a second
 * engine would otherwise take over, or with `--bridge=none` remove, the bridge of the first.
 */
function secondEngine(folder: string, ...more: readonly string[]) {
  const socketPath = join(folder, 'docker.sock');
  const own = ['data-root', 'exec-root', 'pidfile'].flatMap(flag => [`--${flag}`, join(folder, flag)]);
  const dockerd = ['dockerd', '--host', `unix://${socketPath}`, ...own, '--bridge=none', '--iptables=false', ...more];
  return { socketPath, command: ['unshare', '--net', ...dockerd] as const, logFile: join(folder, 'log') };
}

describe.skipIf(!canStart)(`the engine ${reason}`, () => {
  it('is started if none is running, found the second time, and ends on SIGTERM', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'squall-engine-'));
    const options = secondEngine(folder);
    const bridges = await bridgesHere();
    const first = await ensureEngine(options);
    try {
      expect(first.startedPid).toBeGreaterThan(1);
      expect(first.version).toMatch(/^\d+\.\d+/);
      expect(await ensureEngine(options)).toEqual({
        version: first.version,
        startedPid: undefined,
        logFile: undefined,
      });
      expect(await bridgesHere()).toEqual(expect.arrayContaining(bridges));
    } finally {
      process.kill(first.startedPid!, 'SIGTERM');
      await ended(first.startedPid!);
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('that cannot start shows the end of its log and a next step', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'squall-engine-'));
    const options = secondEngine(folder, '--no-such-flag');
    await expect(ensureEngine(options)).rejects.toMatchObject({
      code: 'ENGINE_NOT_STARTED',
      message: expect.stringMatching(/no-such-flag/),
      next: expect.stringMatching(/\S/),
    });
    await rm(folder, { recursive: true, force: true });
  });
});

/** The machine's default bridge, if it has one: those of running stacks come and go. */
async function bridgesHere(): Promise<string[]> {
  return (await readdir('/sys/class/net')).filter(name => name === 'docker0');
}

async function ended(pid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(100);
  }
  throw new Error(`process ${pid} did not end within 10 s`);
}
