import { formatMs, ratePerSecond } from '../../../../harness/quantity.ts';
import { formatPercent } from '../../../rounding.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../../check.ts';
import { EXISTING, integral, neededLevels, READY, replicaLevels } from '../../elasticity/provision.ts';

interface ProvisionObjective extends Objective {
  readonly measure: 'overprovisioned' | 'underprovisioned';
  /** Requests per second that a replica can serve. */
  readonly capacityPerSecond: number;
}

/** `underprovisioned(20/s) <= 5%`, `overprovisioned(20/s) <= 600 s`: replica-seconds below and above what the load needed. */
export const check = checkOf<ProvisionObjective>({
  kind: 'provision',
  words: ['overprovisioned', 'underprovisioned'],
  parse(statement) {
    const what = `the requests that a replica can serve after ${statement.name}, such as (20/s)`;
    const argument = statement.required(what);
    const capacityPerSecond = ratePerSecond(argument);
    if (!capacityPerSecond) throw statement.badArgument(argument, what);
    const measure = statement.name as ProvisionObjective['measure'];
    return { measure, capacityPerSecond, ...statement.atMost(statement.endsWith('%') ? '%' : 'ms') };
  },
  judge,
});

/**
 * The area between what the load needed and what there was, as in the elasticity metrics of Herbst et al. ("Elasticity in Cloud Computing",
 * ICAC 2013; SPEC RG's accuracies of under- and over-provisioning). The need is the rate of the load schedule over the capacity of a
 * replica, rounded up:
 *
 * ```
 *  replicas            ┌────────────────  exist, or starting
 *            ┌─ ─ ─ ─ ─│─ ─ ─┐            needed
 *            │  under  │     │    over
 *   ─────────┴─────────┘     └ ─ ─ ─ ─ ─
 * ```
 *
 * Below counts what is ready, above what exists, since that is what costs. As a percentage of the needed replica-seconds, or in these,
 * in production time. The events of the platform tell each change, so both bounds are the value itself.
 */
function judge(objective: ProvisionObjective, { window, run }: Evidence): Finding {
  const { plan, events } = run;
  if (plan.platform === 'external') return undecided('inconclusive', 'The replicas of a target are not observed.');
  const { ramps, arrivals } = plan.load;
  if (typeof arrivals !== 'string' && (arrivals.kind === 'closed' || arrivals.kind === 'trace'))
    return undecided('inconclusive', `Arrivals that are ${arrivals.kind} have no rate in the load schedule.`);
  const { fromMs, toMs } = window;
  const needed = neededLevels(ramps, objective.capacityPerSecond, fromMs, toMs);
  const isOver = objective.measure === 'overprovisioned';
  const there = replicaLevels(events, isOver ? EXISTING : READY, fromMs, toMs);
  const excess = integral(there, needed, (have, need) => Math.max(0, isOver ? have - need : need - have));
  const need = integral(needed, needed, count => count);
  const isRatio = objective.unit === '%';
  if (isRatio && need === 0) return undecided('inconclusive', 'The load needed no replica in the window.');
  const measured = isRatio ? (100 * excess) / need : excess * 1000 * plan.timeScale;
  const found = { measured, lower: measured, upper: measured, samples: there.length };
  const production = (seconds: number) => formatMs(seconds * 1000 * plan.timeScale).replace(' s', ' replica-s');
  return {
    ...found,
    verdict: verdictOf(objective, found),
    reason: `${production(excess)} ${isOver ? 'above' : 'below'} the need of ${production(need)} (${formatPercent(excess, need)})${plan.timeScale === 1 ? '' : ', in production time'}, at ${Number(objective.capacityPerSecond.toPrecision(3))}/s a replica.`,
  };
}
