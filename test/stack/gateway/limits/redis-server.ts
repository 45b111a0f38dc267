import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../../harness/clock.ts';
import { thisMachine } from '../../../../harness/host/network.ts';
import { probe } from '../../../../harness/host/probe.ts';
import { findProgram } from '../../../../harness/host/programs.ts';
import { writePrivateFiles } from '../../../../platform/process/executable.ts';
import { isReadyAt } from '../../../../platform/readiness.ts';
import { type RedisSettings, redisOptionsSchema } from '../../../../stack/redis/options.ts';
import { REDIS_USER, renderRedisConfig } from '../../../../stack/redis/render-redis-config.ts';
import { requireTool } from '../../../../stack/tools.ts';
import { freePort } from '../../../faults/toxiproxy/servers.ts';
import { missing } from '../../../require.ts';

/** Reason to skip tests with a real Redis, or false. */
export const noRedis = missing('redis', findProgram('redis-server') !== undefined);

const PASSWORD = 'secret-of-a-test';
/** Of its files: memory where there is such a folder. They outlive the process as on a disk, and do not wait for other tests' writes. */
const FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Real Redis, configured like the stack's. Disposing stops it and removes its files. */
export interface RedisServer extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** URL with credentials, for another address of the same server. */
  urlAt(address: string): string;
  /** Sends SIGKILL; resolves when the process has exited. */
  kill(): Promise<void>;
  /** `SIGSTOP`: connections stay open without replies, until `SIGCONT`. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Restarts the server at the same address; resolves when it is ready. */
  restart(): Promise<void>;
}

/** Starts a Redis for one test. @param settings persistence is off by default */
export async function startRedis(settings: RedisSettings = { persistence: 'off' }): Promise<RedisServer> {
  const { command } = requireTool('redis-server');
  const directory = mkdtempSync(join(FOLDER, 'squall-redis-'));
  const address = `127.0.0.1:${await freePort()}`;
  const options = redisOptionsSchema.parse(settings);
  await writePrivateFiles(directory, renderRedisConfig(options, { listen: address, directory, password: PASSWORD }));
  let child: ChildProcess | undefined;
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const restart = async () => {
    child = spawn(command, [join(directory, 'redis.conf')], { stdio: 'ignore' });
    const url = `redis://${REDIS_USER}:${PASSWORD}@${address}`;
    const limit = AbortSignal.timeout(10_000);
    const send = (target: string, signal: AbortSignal) => probe(target, { ...thisMachine, signal });
    while (!(await isReadyAt(url, limit, send, systemClock))) await new Promise(resolve => setTimeout(resolve, 20));
  };
  await restart();
  return {
    address,
    urlAt: other => `redis://${REDIS_USER}:${PASSWORD}@${other}`,
    kill,
    signal: signal => child?.kill(signal),
    restart,
    [Symbol.asyncDispose]: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
