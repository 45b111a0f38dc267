import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { createFault } from '../../../faults/catalog.ts';
import { systemClock } from '../../../harness/clock.ts';
import { findProgram } from '../../../harness/host/programs.ts';
import type { FaultPlan } from '../../../harness/plan.ts';
import { type Topology, topologyOf } from '../../../stack/topology.ts';
import { FRESH } from '../../fresh.ts';
import { aliveOf, platform, testRun } from '../../platform/fixture-stack.ts';
import { missing } from '../../require.ts';
import { settled } from '../settled.ts';

const reason = missing('redis', findProgram('redis-server') !== undefined);
const LIMIT = 40_000;

/** Topology of only Redis and its links. */
function redisOnly(redis: object = {}): { topology: Topology; password: string } {
  const whole = topologyOf(settled({ redis }), 500, 1, { ...FRESH, apiKey: 'sk-test' });
  const replicas = whole.replicas.filter(({ service }) => service === 'redis');
  const [{ ready }] = replicas as [(typeof replicas)[0]];
  if (ready.kind !== 'redis') throw new Error('expected a Redis probe');
  const links = whole.links.filter(({ to }) => to === 'redis');
  return { topology: { ...whole, replicas, links }, password: ready.password };
}

function client(address: string, password: string, username = 'squall'): Redis {
  const [host, port] = address.split(':');
  const redis = new Redis({ host: host!, port: Number(port), username, password, retryStrategy: () => null });
  redis.on('error', () => {});
  return redis;
}

const plan = (kind: string, target: string, forMs: number | null, parameters = {}): FaultPlan => ({
  id: kind,
  kind,
  target,
  atMs: 0,
  forMs,
  parameters,
});

describe.skipIf(Boolean(reason))(`Redis as a part of the stack${reason ? ` (${reason})` : ''}`, () => {
  it('runs with its limits, requires the password, and is stopped with the stack', {
    timeout: LIMIT,
  }, async () => {
    using run = testRun();
    const { topology, password } = redisOnly({ maxMemoryMb: 64 });
    const stack = await platform.up(topology, run.options);
    const [{ listen }] = stack.links as [(typeof stack.links)[0]];
    expect(stack.versions['redis-server']).toMatch(/^\d+\.\d+\.\d+ \(/);
    const redis = client(listen, password);
    expect(await redis.info('memory')).toMatch(/maxmemory:67108864\r\n[\s\S]*maxmemory_policy:volatile-lru/);
    expect(await redis.set('a', '1')).toBe('OK');
    for (const forbidden of [['CONFIG', 'GET', 'dir'], ['FLUSHALL'], ['SHUTDOWN'], ['ACL', 'LIST']])
      await expect(redis.call(...(forbidden as [string]))).rejects.toThrow(/NOPERM/);
    for (const [password, username] of [
      ['wrong', 'squall'],
      ['', 'default'],
    ] as const) {
      const unauthorized = client(listen, password, username);
      await expect(unauthorized.get('a')).rejects.toThrow();
      unauthorized.disconnect();
    }
    redis.disconnect();

    const files = join(run.options.directory, 'redis');
    expect(statSync(files).mode & 0o777).toBe(0o700);
    expect(statSync(join(files, 'redis.conf')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(files, 'users.acl'), 'utf8')).not.toContain(password);
    expect(existsSync(join(files, 'appendonlydir'))).toBe(true);
    const pids = stack.replicas.map(({ pid }) => pid!);
    await stack[Symbol.asyncDispose]();
    expect(aliveOf(run.options.runId, pids)).toEqual([]);
  });

  it.each([
    // Flushed once a second, so a write 1.5 s before the kill survives.
    ['append-only', '1'],
    ['off', null],
  ])(
    'returns with persistence %s the value %j after a kill and restart',
    { timeout: LIMIT },
    async (persistence, kept) => {
      using run = testRun();
      const { topology, password } = redisOnly({ persistence });
      await using stack = await platform.up(topology, run.options);
      const [{ listen }] = stack.links as [(typeof stack.links)[0]];
      const before = client(listen, password);
      await before.set('a', '1');
      await systemClock.sleep(1500);
      const fault = createFault(plan('kill', 'redis', 500), stack, systemClock);
      await fault.inject(run.options.signal);
      expect((await fault.verifyEffect(AbortSignal.timeout(5000))).evidence).toMatch(/does not respond/);
      await fault.heal(run.options.signal);
      expect((await fault.verifyHealed(AbortSignal.timeout(5000))).evidence).toMatch(/redis is ready/);
      const after = client(listen, password);
      expect(await after.get('a')).toBe(kept);
      for (const redis of [before, after]) redis.disconnect();
    },
  );

  it('is slowed by latency on its link, as measured by a Redis probe', { timeout: LIMIT }, async () => {
    using run = testRun();
    await using stack = await platform.up(redisOnly().topology, run.options);
    const parameters = { latencyMs: 300, jitterMs: 0, stream: 'downstream' };
    const fault = createFault(plan('latency', 'gateway→redis', 1000, parameters), stack, systemClock);
    await fault.inject(run.options.signal);
    const { evidence } = await fault.verifyEffect(AbortSignal.timeout(10_000));
    // 300 ms in one direction: three probes take at least that, and not twice as long.
    const [, ...tookMs] = /took (\d+), (\d+), (\d+) ms/.exec(evidence)!.map(Number);
    for (const ms of tookMs) expect(ms).toBeGreaterThanOrEqual(299);
    expect(Math.min(...tookMs)).toBeLessThan(600);
    await fault.heal(run.options.signal);
    await fault.verifyHealed(AbortSignal.timeout(10_000));
  });

  it('fails before anything is started if redis-server is missing', { timeout: LIMIT }, async () => {
    using run = testRun();
    const { PATH } = process.env;
    process.env.PATH = '';
    try {
      const error = await platform.up(redisOnly().topology, run.options).catch(e => e);
      expect(error).toMatchObject({ kind: 'environment', code: 'TOOL_NOT_FOUND' });
      expect(error.next).toMatch(/apt-get install redis-server/);
      expect(run.seen).toEqual([]);
    } finally {
      process.env.PATH = PATH;
    }
  });
});
