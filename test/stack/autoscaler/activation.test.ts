import { describe, expect, it } from 'vitest';
import type { Decider } from '../../../stack/autoscaler/decider.ts';
import { type Activation, activated } from '../../../stack/autoscaler/keda/activation.ts';
import { ruleOfQuery } from '../../../stack/autoscaler/measure/promql.ts';
import { scrapedValues } from '../../../stack/autoscaler/measure/scraped-values.ts';

describe('an activated autoscaler', () => {
  const metric = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: null } } };
  const activation = {
    ...{ activeReplicas: 2, cooldownMs: 60_000, initialCooldownMs: 30_000 },
    triggers: [{ metric, above: 3 }],
  } as unknown as Activation;
  const rules = { queue: ruleOfQuery('queue')! };
  /** Always wants 5 replicas, and counts how often it was asked. */
  const scaler = {
    ...{ name: 'five', start: 0, needs: [], container: 'main' },
    decide: (asked: number, { scale: { replicas } }) => ({
      ...{ state: asked + 1, current: replicas, desired: 5, rescale: replicas !== 5, text: 'five' },
      ...{ isBlind: false, details: {} },
    }),
    scaled: ({ state }) => state + 100,
    failed: (_, before) => before,
    unreadable: (state: number) => state,
    show: () => ({ conditions: {}, metrics: [] }),
  } as Decider<number>;
  const decider = activated(scaler, activation, rules);

  /** Decisions 15 s apart, each with the replicas of the one before. @param values of the gauge at each gateway; undefined: not scraped */
  function replicasOf(first: number, values: readonly (readonly (number | undefined)[])[]): (number | string)[] {
    let state = decider.start;
    let replicas = first;
    const seen = new Set<number>();
    return values.map((gauges, index) => {
      for (const [gateway, value] of gauges.entries()) if (value !== undefined) seen.add(gateway);
      const sources = gauges.map((value, gateway) => ({
        ...{ name: `gateway-${gateway}`, service: 'gateway' },
        scrapes: [
          ...(seen.has(gateway) ? [{ atMs: -1, samples: [{ name: 'queue', labels: '', value: 0 }] }] : []),
          { atMs: 0, samples: value === undefined ? undefined : [{ name: 'queue', labels: '', value }] },
        ],
      }));
      const common = { nowMs: index * 15_000, date: new Date(0), pods: [] };
      const scale = { replicas, existing: replicas, version: '1' };
      const values = scrapedValues({ sources, timeScale: 1, nowMs: common.nowMs });
      const context = { ...common, rules, values, deployment: 'inference', scrapeMs: 15_000, timeScale: 1 };
      const outcome = decider.decide(state, { ...common, scale, measured: () => context });
      state = outcome.rescale ? decider.scaled(outcome, common.nowMs) : outcome.state;
      replicas = outcome.desired;
      return replicas;
    });
  }

  it('brings the first replicas for an active trigger, and takes the last away after the cooldown', () => {
    // Active at 15 s for the last time, and so cooled down at 75 s.
    const values = [[0], [4], [3], [0], [0], [0], [0]];
    expect(replicasOf(0, values)).toEqual([0, 2, 5, 5, 5, 0, 0]);
  });

  it('needs no cooldown if no trigger was ever active, but the initial one', () => {
    expect(replicasOf(1, [[0], [0], [0], [0]])).toEqual([5, 5, 0, 0]);
  });

  it('takes nothing away while a trigger is unknown, or known of some gateways only', () => {
    const unknown = [[0, 0], ...Array.from({ length: 8 }, () => [undefined, undefined])];
    expect(replicasOf(5, unknown).at(-1)).toBe(5);
    const half = [[0, 0], ...Array.from({ length: 8 }, () => [0, undefined])];
    expect(replicasOf(5, half).at(-1)).toBe(5);
    expect(
      replicasOf(
        5,
        Array.from({ length: 9 }, () => [0, 0]),
      ).at(-1),
    ).toBe(0);
    // The load of one of them is enough to activate it.
    expect(
      replicasOf(0, [
        [0, 0],
        [9, undefined],
      ]),
    ).toEqual([0, 2]);
  });
});
