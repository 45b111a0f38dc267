import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../../../harness/host/programs.ts';
import { writePrivateFiles } from '../../../../platform/process/executable.ts';
import { answersReady } from '../../../../platform/readiness.ts';
import { redisOptionsSchema } from '../../../../stack/redis/options.ts';
import { REDIS_USER, renderRedisConfig } from '../../../../stack/redis/render-redis-config.ts';
import { requireTool } from '../../../../stack/tools.ts';
import { freePort } from '../../../faults/toxiproxy/servers.ts';
import { missing } from '../../../require.ts';

/** Why the tests with a real Redis are skipped, or false. */
export const noRedis = missing('redis', findProgram('redis-server') !== undefined);

const PASSWORD = 'secret-of-a-test';

/** A real Redis, configured as the stack's. Disposing ends it and removes its files. */
export interface RedisServer extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** URL with the account, for another address that leads to it. */
  urlAt(address: string): string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay, nothing answers. Ends with `SIGCONT`. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Starts it again at the same address; resolves when it is ready. */
  restart(): Promise<void>;
}

/** Starts a Redis of its own for one test. */
export async function startRedis(): Promise<RedisServer> {
  const { command } = requireTool('redis-server');
  const directory = mkdtempSync(join(tmpdir(), 'squall-redis-'));
  const address = `127.0.0.1:${await freePort()}`;
  const options = redisOptionsSchema.parse({ persistence: 'off' });
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
    while (!(await answersReady(url, limit))) await new Promise(resolve => setTimeout(resolve, 20));
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
