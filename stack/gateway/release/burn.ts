import type { RollbackOptions } from './config.ts';
import type { Tally } from './outcome-window.ts';

/** Objective of a version whose budget burns. */
export type BurningSlo = 'errors' | 'ttft';

/** Why a version is rolled back. */
export interface Burn {
  readonly slo: BurningSlo;
  /** In words, with figures. */
  readonly reason: string;
}

/** Outcomes of requests within the last so many ms. */
export type Tallies = (windowMs: number) => Tally;

interface Budget {
  readonly slo: BurningSlo;
  readonly ratio: number;
  readonly total: (tally: Tally) => number;
  readonly bad: (tally: Tally) => number;
  readonly what: string;
}

/**
 * Whether a version burns the error budget of one of its objectives: at so many times the rate at which the budget would just last, over a long window,
 * and still so over a short one (Google, "The Site Reliability Workbook", 2018, chapter 5, "6: Multiwindow, Multi-Burn-Rate Alerts").
 *
 * ```
 * burn rate = ratio of bad requests / budget       long: enough has burnt, over at least minRequests       short: it burns now
 * ```
 *
 * It is not to blame when all other versions together burn at that rate as well, over as many requests: what they have in common is, and a rollback would not
 * help (the same book, chapter 16: a canary is compared with a control).
 * @param others outcomes of all other versions of the model together
 */
export function burnOf(options: RollbackOptions, version: Tallies, others: Tallies): Burn | undefined {
  const { burnRates, minRequests } = options;
  for (const { longMs, shortMs, burnRate } of burnRates) {
    for (const { slo, ratio, total, bad, what } of budgetsOf(options)) {
      const isBurning = (tally: Tally) => total(tally) > 0 && bad(tally) / total(tally) >= burnRate * ratio;
      const long = version(longMs);
      const all = others(longMs);
      const isOwn = !(total(all) >= minRequests && isBurning(all));
      if (total(long) < minRequests || !isBurning(long) || !isBurning(version(shortMs)) || !isOwn) continue;
      const rate = bad(long) / total(long) / ratio;
      const reason = `${bad(long)} of ${total(long)} requests ${what} within ${longMs / 1000} s: ${rate.toFixed(1)} times the budget of ${
        Math.round(ratio * 10_000) / 100
      } %, limit ${burnRate}`;
      return { slo, reason };
    }
  }
  return undefined;
}

function budgetsOf({ maxErrorRatio, ttft }: RollbackOptions): readonly Budget[] {
  const errors: Budget = {
    ...{ slo: 'errors', ratio: maxErrorRatio, what: 'failed' },
    ...{ total: ({ requests }) => requests, bad: ({ failed }) => failed },
  };
  if (ttft === 'off') return [errors];
  const what = `had a first token after ${ttft.targetMs} ms`;
  const slow: Budget = {
    ...{ slo: 'ttft', ratio: ttft.maxSlowRatio, what },
    ...{ total: ({ timed }) => timed, bad: tally => tally.slow },
  };
  return [errors, slow];
}
