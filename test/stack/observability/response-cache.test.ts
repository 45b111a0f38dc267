import { expect, test } from 'vitest';
import { readingsOf } from '../../../stack/observability/series.ts';

test('requests that the cache served are those with the result hit, of all', () => {
  const samples = Object.entries({ hit: 90, miss: 5, stale: 2, fallback: 0, bypass: 3 }).map(([result, value]) => ({
    name: 'gateway_cache_requests_total',
    labels: `result="${result}"`,
    value,
  }));
  expect(readingsOf(samples)).toEqual({ responseQueries: 100, responseHits: 90 });
});
