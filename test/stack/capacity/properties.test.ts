import { describe, expect, it } from 'vitest';
import { groupOf } from '../../../stack/capacity/cluster.ts';
import { decide } from '../../../stack/capacity/decide.ts';
import { forSeeds } from '../autoscaler/hpa/random-cases.ts';
import { checkInversions, evictsLower, fitsNodes, isDeterministic, keptBudgets, wholeGangs } from './invariants.ts';
import { walk } from './random-clusters.ts';

type Decide = typeof decide;

/** Clusters, in each of which some 15 decisions are checked. */
const CASES = 2500;

/** Checks everything on every decision. @returns how often each thing happened that could have gone wrong */
function check(decided: Decide, all = true) {
  const seen = { decisions: 0, waiting: 0, preempted: 0, gangs: 0, taken: 0 };
  forSeeds(random => {
    const chance = random.stream('chance');
    walk(random, decided, (spec, before, decision, nowMs) => {
      if (!all) return;
      const { cluster, actions } = decision;
      for (const holds of [evictsLower, fitsNodes, wholeGangs, keptBudgets]) holds(spec, before, decision, nowMs);
      seen.waiting += checkInversions(spec, cluster);
      if (actions.length > 0 && chance.next() < 0.3) isDeterministic(decided)(spec, before, decision, nowMs);
      seen.decisions += 1;
      for (const action of actions) {
        if (action.kind === 'evict') seen[action.cause === 'preempted' ? 'preempted' : 'taken'] += 1;
        if (action.kind === 'place' && groupOf(spec, action.pod.group).minAvailable > 1) seen.gangs += 1;
      }
    });
  }, CASES);
  return seen;
}

/** Schedulers that each lack one property, and how that shows. */
const BROKEN: readonly (readonly [string, RegExp, Decide])[] = [
  [
    'counts the GPUs of a node, but not what is used of each',
    /GPUs: /,
    (spec, cluster, nowMs) => {
      const big = {
        ...spec,
        pools: spec.pools.map(pool => ({ ...pool, gpusPerNode: pool.gpusPerNode && pool.gpusPerNode + 1 })),
      };
      return decide(big, cluster, nowMs);
    },
  ],
  [
    'places each of a gang by itself',
    /gang: /,
    (spec, cluster, nowMs) =>
      decide({ ...spec, groups: spec.groups.map(group => ({ ...group, minAvailable: 1 })) }, cluster, nowMs),
  ],
  [
    'prefers to keep budgets, but does not have to',
    /budget: /,
    (spec, cluster, nowMs) =>
      decide({ ...spec, groups: spec.groups.map(group => ({ ...group, disruptionBudget: 'off' })) }, cluster, nowMs),
  ],
  [
    'preempts equals, too',
    /priority: /,
    (spec, cluster, nowMs) =>
      decide(
        { ...spec, groups: spec.groups.map((group, nth) => ({ ...group, priority: group.priority - nth / 10 })) },
        cluster,
        nowMs,
      ),
  ],
  [
    'never preempts',
    /inversion: /,
    (spec, cluster, nowMs) =>
      decide({ ...spec, groups: spec.groups.map(group => ({ ...group, priority: 50 })) }, cluster, nowMs),
  ],
  [
    'depends on what it was asked before',
    /determinism: /,
    (() => {
      let asked = 0;
      return (spec, cluster, nowMs) => {
        asked += 1;
        return decide({ ...spec, zones: asked % 2 ? spec.zones : spec.zones.toReversed() }, cluster, nowMs);
      };
    })(),
  ],
  [
    'evicts what it has placed, to place it better',
    /loop: /,
    (spec, cluster, nowMs) => {
      const decision = decide(spec, cluster, nowMs);
      const placed = decision.cluster.pods.find(
        ({ status, isStarted, group }) => status === 'placed' && isStarted && groupOf(spec, group).minAvailable === 1,
      );
      if (!placed) return decision;
      const pods = decision.cluster.pods.map(pod =>
        pod === placed ? { ...pod, status: 'ending' as const, isHealthy: false, endsAtMs: nowMs + 1 } : pod,
      );
      return { ...decision, cluster: { ...decision.cluster, pods }, wakeAtMs: nowMs + 1 };
    },
  ],
];

describe('the scheduler, whatever happens', { timeout: 120_000 }, () => {
  it('uses no GPU twice, keeps gangs whole and budgets, preempts only for more important pods, which never wait for others, and settles', () => {
    const seen = check(decide);
    expect(seen.decisions).toBeGreaterThan(5 * CASES);
    for (const count of Object.values(seen)) expect(count, JSON.stringify(seen)).toBeGreaterThan(CASES / 10);
  });

  it.each(BROKEN)('is found out where it %s', (_, message, broken) => {
    expect(() => check(broken, !message.test('loop: '))).toThrow(message);
  });
});
