import type { TimedEvent } from '../../harness/history.ts';
import type { Metric } from '../../harness/metrics.ts';

/** Increases of a counter, each since the round before, over all replicas that exported it before; times on the run's timeline. */
export function increasesOf(metric: Metric, events: readonly TimedEvent[]): { seenMs: number; by: number }[] {
  const last = new Map<string, number>();
  return events
    .filter(event => event.type === 'sample')
    .flatMap(({ seenMs, readings }) => {
      let by: number | null = null;
      for (const [replica, { [metric]: count }] of Object.entries(readings)) {
        if (count === undefined) continue;
        const before = last.get(replica);
        // A smaller count is that of a replica that was restarted.
        if (before !== undefined) by = (by ?? 0) + (count < before ? count : count - before);
        last.set(replica, count);
      }
      return by === null ? [] : [{ seenMs, by }];
    });
}

/**
 * Increase of a counter, over all replicas: from the last round before `fromMs` to the last one up to `toMs`. Null if no replica
 * exported it in two rounds of that time.
 */
export function counterIncrease(
  metric: Metric,
  events: readonly TimedEvent[],
  fromMs: number,
  toMs: number,
): number | null {
  const inside = increasesOf(metric, events).filter(({ seenMs }) => seenMs >= fromMs && seenMs <= toMs);
  return inside.length === 0 ? null : inside.reduce((sum, { by }) => sum + by, 0);
}

/** Caches whose hits are counted: the counters of what was looked up in them and of what was found, and what that was. */
export const CACHES = {
  'prefix-cache': { queries: 'cacheQueries', hits: 'cacheHits', what: 'prompt tokens from prefix caches' },
  'response-cache': { queries: 'responseQueries', hits: 'responseHits', what: 'requests served from the cache' },
} as const satisfies Record<string, { readonly queries: Metric; readonly hits: Metric; readonly what: string }>;

/** A cache by its name in objectives. */
export type Cache = keyof typeof CACHES;

/** What was looked up in a cache over a time, such as tokens of prompts, and how much of it was found. */
export interface CacheUse {
  readonly queries: number;
  readonly hits: number;
}

/** Use of a cache over a time, by the counters of engines or gateways; null where these are not exported, or did not move. */
export function cacheUse(
  events: readonly TimedEvent[],
  fromMs: number,
  toMs: number,
  cache: Cache = 'prefix-cache',
): CacheUse | null {
  const queries = counterIncrease(CACHES[cache].queries, events, fromMs, toMs);
  const hits = counterIncrease(CACHES[cache].hits, events, fromMs, toMs);
  return queries === null || hits === null || queries === 0 ? null : { queries, hits };
}
