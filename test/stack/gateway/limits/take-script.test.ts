import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import { type BucketRule, type BucketState, take } from '../../../../stack/gateway/limits/bucket.ts';
import { scriptArguments, takeScript } from '../../../../stack/gateway/limits/take-script.ts';
import { noRedis, startRedis } from './redis-server.ts';

/** `take` of bucket.ts with stored states, for several names. */
function inTypeScript(takeFrom: typeof take) {
  const states = new Map<string, BucketState>();
  return (names: string[], rules: BucketRule[], nowMs: number) => {
    const remembered = names.map(name => states.get(name));
    const { allowed, levels } = takeFrom(rules, remembered, nowMs, (i, state) => states.set(names[i]!, state));
    return [allowed ? 1 : 0, ...levels];
  };
}

const below = (random: Random, limit: number) => Math.floor(random.next() * limit);
const oneOf = <T>(random: Random, values: readonly T[]): T => values[below(random, values.length)]!;

/** Random rules and calls over 1 to 3 buckets, at times that mostly advance, sometimes stand still, sometimes go back. */
function sequence(random: Random) {
  const names = ['a', 'b', 'c'].slice(0, 1 + below(random, 3));
  const rules = names.map(() => ({
    limit: oneOf(random, [1, 3, 7, 200, 1000, 999_983]),
    periodMs: oneOf(random, [1000, 2000, 60_000, 180_000]),
    burst: oneOf(random, [1, 2, 5, 100, 1_000_000]),
  }));
  let nowMs = 1_790_000_000_000;
  const calls = Array.from({ length: 60 }, () => {
    const count = 1 + below(random, names.length);
    const step = oneOf(random, [0, 0, 1, 3, 17, 250, 61_000, -400, -3_600_000]);
    nowMs += step;
    return { count, nowMs };
  });
  return { names, rules, calls };
}

// Integers below 2^53 on both sides: the results of every call must be identical, not just close.
test.skipIf(Boolean(noRedis))(
  `the bucket in Redis agrees with the one in TypeScript over random sequences${noRedis ? ` (${noRedis})` : ''}`,
  async () => {
    await using server = await startRedis();
    const redis = new Redis(server.urlAt(server.address));
    const script = takeScript('local now = tonumber(ARGV[3 * #KEYS + 1])');
    const random = seededRandom(1);
    const seen = { allowed: 0, rejected: 0, differsWhenBroken: 0 };
    // Counter-check: a bucket that rounds its level to whole tokens must be detected.
    const rounding: typeof take = (rules, states, nowMs, save) =>
      take(rules, states, nowMs, (i, { level, atMs }) =>
        save(i, { level: Math.floor(level / rules[i]!.periodMs) * rules[i]!.periodMs, atMs }),
      );
    for (let round = 0; round < 60; round += 1) {
      const { names, rules, calls } = sequence(random.stream(`round ${round}`));
      const [pure, broken] = [inTypeScript(take), inTypeScript(rounding)];
      const replies = await Promise.all(
        calls.map(({ count, nowMs }) =>
          redis.eval(
            script,
            count,
            ...names.slice(0, count).map(name => `${round}:${name}`),
            ...scriptArguments(rules.slice(0, count)),
            nowMs,
          ),
        ),
      );
      const taken = calls.map(({ count, nowMs }) => pure(names.slice(0, count), rules.slice(0, count), nowMs));
      expect(replies).toEqual(taken);
      for (const [allowed] of taken) seen[allowed === 1 ? 'allowed' : 'rejected'] += 1;
      const brokenTaken = calls.map(({ count, nowMs }) => broken(names.slice(0, count), rules.slice(0, count), nowMs));
      if (JSON.stringify(brokenTaken) !== JSON.stringify(taken)) seen.differsWhenBroken += 1;
    }
    expect(seen.allowed).toBeGreaterThan(500);
    expect(seen.rejected).toBeGreaterThan(500);
    expect(seen.differsWhenBroken).toBeGreaterThan(10);
    redis.disconnect();
  },
);

test.skipIf(Boolean(noRedis))('on the server clock a bucket refills, and an idle one expires', async () => {
  await using server = await startRedis();
  const redis = new Redis(server.urlAt(server.address));
  const call = (...rule: number[]) => redis.eval(takeScript(), 1, 'bucket', ...rule);
  // 10 a second with a burst of two: the third at the same instant is rejected, after 100 ms one passes again.
  const taken = await Promise.all([call(10, 1000, 2), call(10, 1000, 2), call(10, 1000, 2)]);
  expect(taken.map(reply => (reply as number[])[0])).toEqual([1, 1, 0]);
  // Full again after 200 ms, expired a second later.
  expect(await redis.pttl('bucket')).toBeGreaterThan(1000);
  expect(await redis.pttl('bucket')).toBeLessThanOrEqual(1200);
  await new Promise(resolve => setTimeout(resolve, 130));
  expect(((await call(10, 1000, 2)) as number[])[0]).toBe(1);
  await new Promise(resolve => setTimeout(resolve, 1400));
  expect(await redis.exists('bucket')).toBe(0);
  redis.disconnect();
});
