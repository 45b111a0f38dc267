import { createHash } from 'node:crypto';
import type { ScriptFunction } from '../../redis/in-memory-redis.ts';
import { LocalBuckets } from './local-buckets.ts';
import { takeScript } from './take-script.ts';

/** The script of `take-script.ts` as a function with a state of its own, for Redis in memory, by the script's SHA-1. */
export function takeFunctions(): ReadonlyMap<string, ScriptFunction> {
  const buckets = new LocalBuckets();
  const run: ScriptFunction = (keys, values, nowMs) => {
    const rules = keys.map((_, index) => {
      const [limit = 0, periodMs = 0, burst = 0] = values.slice(3 * index, 3 * index + 3).map(Number);
      return { limit, periodMs, burst };
    });
    const { allowed, levels } = buckets.take(keys, rules, nowMs);
    return [allowed ? 1 : 0, ...levels];
  };
  return new Map([[createHash('sha1').update(takeScript()).digest('hex'), run]]);
}
