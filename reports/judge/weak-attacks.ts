import type { TimedEvent } from '../../harness/history.ts';
import { SAMPLE_INTERVAL_MS } from '../../harness/metrics.ts';
import type { FaultPlan } from '../../harness/plan.ts';
import { formatMs } from '../../harness/quantity.ts';
import type { AttackHold } from '../../harness/requests.ts';
import type { FaultOutcome } from '../../harness/windows.ts';
import type { RunFacts } from './check.ts';
import { counterIncrease } from './counters.ts';

/** Minimum ratio of planned connections that reached the service; below it the attack was weaker than planned. */
const MIN_REACHED_RATIO = 0.8;
/** Minimum ratio of these that the service answered, closed or rejected; below it no safeguard is known to have acted. */
const MIN_HANDLED_RATIO = 0.05;

/**
 * Reasons why attacks were too weak for a pass to mean anything, one sentence per attack: a service whose clients are unaffected may
 * have withstood an attack, or may not have noticed it.
 *
 * ```
 * planned ─▶ opened ─▶ reached the service ─▶ answered, closed or rejected by it
 *            at least 80 % of the planned     at least 5 % of those that reached it
 * ```
 *
 * A client that does not read learns late, or never, that its connection was closed, in particular behind a proxy whose buffers are
 * full. Therefore the service's own count of such closes is evidence, too, where it has one.
 *
 * Only relevant to a pass, since an attack that makes an SLO fail was strong enough. Empty for attacks that do not count their
 * connections.
 */
export function weakAttacks({ faults, events }: RunFacts): string[] {
  return faults.flatMap(fault => {
    const { plan, requests } = fault;
    const why = requests?.hold && weaknessOf(requests.hold, closesDuring(fault, events), plan);
    const named = plan.id === 'attack' ? '' : ` \`${plan.id}\``;
    return why ? [`The attack${named} was too weak to show that a safeguard acts: ${why}.`] : [];
  });
}

/** Connections that the replicas of a service closed, by their own count, while a fault was injected. */
function closesDuring({ injectedAtMs, healedAtMs }: FaultOutcome, events: readonly TimedEvent[]): number {
  const fromMs = injectedAtMs ?? Number.POSITIVE_INFINITY;
  // One more round, since the last closes of the attack are counted after it.
  const toMs = (healedAtMs ?? Number.POSITIVE_INFINITY) + SAMPLE_INTERVAL_MS;
  return counterIncrease('forcedCloses', events, fromMs, toMs) ?? 0;
}

function weaknessOf(hold: AttackHold, closes: number, plan: FaultPlan): string | undefined {
  const { planned, reached, exhausted } = hold;
  const handled = Math.min(reached, Math.max(hold.handled, closes));
  const { connections, perSecond } = plan.parameters;
  if (reached === 0 || reached < MIN_REACHED_RATIO * planned) {
    const why =
      exhausted > 0 ? `, and ${exhausted} failed for lack of ports, descriptors or memory on this machine` : '';
    return `${reached} of ${planned} planned connections reached the service${why}. Raise the limits of this machine (ulimit -n), or plan fewer`;
  }
  if (handled >= MIN_HANDLED_RATIO * reached) return undefined;
  // Its limit: the number of open connections, or the rate at which they are opened.
  const bound =
    planned < Number(connections) && perSecond !== undefined
      ? `the rate of ${perSecond} a second`
      : `connections (${connections})`;
  const lasts = plan.forMs === null ? '' : `, or the duration of ${formatMs(plan.forMs)}`;
  return `the service answered, closed or rejected only ${handled} of ${reached} connections, and its clients were unaffected. Raise ${bound}${lasts}`;
}
