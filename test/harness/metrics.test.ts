import { expect, it } from 'vitest';
import { sampleIntervalMs } from '../../harness/metrics.ts';
import type { RunPlan } from '../../harness/plan.ts';

it.each([
  [0, 1],
  [26_000, 1],
  [3_600_000, 1],
  [3_600_001, 2],
  [86_400_000, 24],
])('a load of %i ms is sampled every %i s', (toMs, seconds) => {
  const load = { ramps: [{ fromMs: 0, toMs, from: 1, to: 1 }] } as unknown as RunPlan['load'];
  expect(sampleIntervalMs({ load })).toBe(1000 * seconds);
});
