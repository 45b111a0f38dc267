import { startOf } from './delivery.ts';
import { type Invariant, type LogLine, linesOf, replicasOf, stackOf } from './facts.ts';

/**
 * A budget counts in slots of a second, ten of them: what was sent again within 9 s counts against what arrived within the 10 s before
 * the last of it. One second less and one more allow for the slots and for clocks.
 */
const RETRIED_MS = 8000;
const ARRIVED_MS = 11_000;
/** Seconds for which the minimum per second is granted. */
const WINDOW_SECONDS = 10;

/** No gateway retries more than its budget allows. */
export const budgetKept: Invariant = {
  name: 'retry-budget-is-kept',
  breaches(facts) {
    const { budgetRatio, budgetMinPerSecond } = stackOf(facts.plan).gateway.retries;
    const all = linesOf(facts, 'gateway').filter(({ msg, attempts }) => msg === 'request' && Number(attempts) > 0);
    return replicasOf(facts, 'gateway').flatMap(gateway => {
      const lines = all.filter(({ replica }) => replica === gateway);
      const retried = lines.filter(({ attempts }) => Number(attempts) > 1).sort((a, b) => startOf(a) - startOf(b));
      const arrivals = lines.map(startOf).sort((a, b) => a - b);
      for (const [nth, first] of retried.entries()) {
        const fromMs = startOf(first);
        const within = retried.slice(nth).filter(({ atMs }) => atMs <= fromMs + RETRIED_MS);
        const retries = within.reduce((sum, { attempts }) => sum + Number(attempts) - 1, 0);
        const lastMs = startOf(within.at(-1) ?? first);
        const requests = countBetween(arrivals, lastMs - ARRIVED_MS, fromMs + ARRIVED_MS);
        const allowed = budgetRatio * requests + budgetMinPerSecond * WINDOW_SECONDS;
        if (retries > allowed)
          return [
            `${gateway} retried ${retries} times within ${RETRIED_MS / 1000} s from ${Math.round(fromMs)} ms on; its budget allows ${Math.floor(allowed)} for ${requests} requests`,
          ];
      }
      return [];
    });
  },
};

function countBetween(sorted: readonly number[], fromMs: number, toMs: number): number {
  return sorted.filter(atMs => atMs >= fromMs && atMs <= toMs).length;
}

/** Requests that a gateway let pass its rate limits: it sent them on. */
function passed(lines: readonly LogLine[]): number[] {
  return lines
    .filter(({ msg, attempts }) => msg === 'request' && Number(attempts) > 0)
    .map(startOf)
    .sort((a, b) => a - b);
}

/** Clocks of logs count whole ms. */
const TOLERANCE = 1;

/** In any time, all gateways together let no more requests pass than the rate limits allow: twice as many if Redis did not decide all of them. */
export const limitsKept: Invariant = {
  name: 'rate-limits-are-kept',
  breaches(facts) {
    const { limits, replicas } = stackOf(facts.plan).gateway;
    if (limits === 'off') return [];
    const hasClasses = (facts.plan.load.clients?.classes ?? []).some(({ key }) => key !== undefined);
    const rules = [
      ...(limits.perKey === 'off' || hasClasses
        ? []
        : [
            {
              name: 'limit per key',
              perMs: limits.perKey.perMinute / 60_000,
              burst: limits.perKey.burst ?? Math.ceil(limits.perKey.perMinute / 10),
            },
          ]),
      ...(limits.global === 'off'
        ? []
        : [
            {
              name: 'global limit',
              perMs: limits.global.perSecond / 1000,
              burst: limits.global.burst ?? limits.global.perSecond,
            },
          ]),
    ];
    const times = passed(linesOf(facts, 'gateway'));
    const buckets = stackOf(facts.plan).redis === 'off' ? 1 : 2;
    const starts = facts.events.filter(
      event => event.type === 'replica' && event.service === 'gateway' && event.state === 'starting',
    ).length;
    return rules.flatMap(({ name, perMs, burst }) => {
      // A gateway that starts again has full buckets of its own.
      const allowed =
        buckets * Math.max(burst, replicas) + Math.max(0, starts - replicas) * Math.ceil(burst / replicas) + TOLERANCE;
      let level = 0;
      let lastMs = Number.NEGATIVE_INFINITY;
      for (const atMs of times) {
        level = Math.max(0, level - (atMs - lastMs) * perMs * buckets) + 1;
        lastMs = atMs;
        if (level > allowed)
          return [
            `${name}: by ${Math.round(atMs)} ms more requests had passed than ${allowed} at once and ${perMs * buckets * 1000}/s allow`,
          ];
      }
      return [];
    });
  },
};
