import { expect, it } from 'vitest';
import { decisionText } from '../../../stack/autoscaler/decision-text.ts';
import type { Measured } from '../../../stack/autoscaler/hpa/readings.ts';
import { hpaSpecSchema } from '../../../stack/autoscaler/hpa/schema.ts';
import { DEFAULT_SETTINGS } from '../../../stack/autoscaler/hpa/settings.ts';
import { NEW_STATE } from '../../../stack/autoscaler/hpa/status.ts';
import { sync } from '../../../stack/autoscaler/hpa/sync.ts';

const spec = hpaSpecSchema.parse({
  ...{ minReplicas: 3, maxReplicas: 20 },
  metrics: ['queue', 'load'].map(name => ({
    type: 'External',
    external: { metric: { name }, target: { type: 'AverageValue', averageValue: name === 'queue' ? 5 : '70m' } },
  })),
  behavior: { scaleUp: { policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } },
});

const textFor = (current: number, queue: number | undefined, load: number | undefined) => {
  const measured = [queue, load].map(
    (value): Measured =>
      value === undefined
        ? { kind: 'failed', message: 'no series was scraped' }
        : { kind: 'external', milli: [BigInt(value)] },
  );
  return decisionText(
    spec,
    sync(spec, DEFAULT_SETTINGS, NEW_STATE, { current, existing: current, pods: [], measured, nowMs: 0 }),
  );
};

it.each([
  // 4 replicas share 49.2: 12.3 each. They would have to be 10, and can double.
  [4, 49_200, 280, '4 -> 8: queue 12.3 / 5, load 0.07 / 0.07, limited by policy 100 %/15 s'],
  [4, 20_000, 280, '4: queue 5 / 5, load 0.07 / 0.07'],
  [4, 20_000, 700, '4 -> 8: load 0.175 / 0.07, queue 5 / 5, limited by policy 100 %/15 s'],
  [12, 200_000, 0, '12 -> 20: queue 16.7 / 5, load 0 / 0.07, limited by maxReplicas 20'],
  [8, 5000, 0, '8: queue 0.625 / 5, load 0 / 0.07, down stabilised at 8 by its window'],
  [4, undefined, 0, '4: queue unknown / 5, load 0 / 0.07, nothing follows from that'],
  [4, undefined, 700, '4 -> 8: load 0.175 / 0.07, queue unknown / 5, limited by policy 100 %/15 s'],
  [2, 0, 0, '2 -> 3: below minReplicas 3'],
  [25, 0, 0, '25 -> 20: above maxReplicas 20'],
  [0, 0, 0, '0: the target has 0 replicas by hand'],
])('with %i replicas, %s and %s', (current, queue, load, text) => {
  expect(textFor(current, queue, load)).toBe(text);
});
