import { logGamma } from '../../reports/judge/statistics.ts';
import type { PosteriorGrid } from './posterior-grid.ts';
import { type QueuedStep, reserveOf, shownOdds } from './queue-model.ts';

/** What a step says about one SLO: how many of its requests violated it, and the ratio of them that it allows. */
export interface Tally {
  /** Above 0: arrivals per second, users or replicas. */
  readonly value: number;
  /** 0…`count`, not always whole. */
  readonly violations: number;
  /** Above 0; 1 for an SLO that is only met or not. */
  readonly count: number;
  /** Between 0 and 1, both excluded: 0.01 of P99. */
  readonly allowed: number;
  /** Of a queue that is empty at first. */
  readonly queue?: QueuedStep;
}

/** Slopes of the log odds of a violation over ln(value): for 1 % more, from 4 % to twelve times as many. */
const SLOPES = [4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 256];
/** By how much the violations of a step scatter more at the edge than independent ones: their variance over the binomial one. */
const DISPERSIONS = [1.5, 3, 6, 12, 25, 50, 100, 200, 400, 1000];
/** Power of the ratio of violations with which that grows: the closer to saturation, the longer a queue that violates an SLO lasts. */
const DISPERSION_POWER = 0.5;
/** Greatest of them, as a ratio of the requests of a step: it holds five queues that violate an SLO, or two, or is in one all the time. */
const MAX_DISPERSION_RATIOS = [0.2, 0.45, 0.9] as const;
/** Ratio of a step up to which its queues are short, so that it holds many. */
const SHORT_RATIO = 0.1;
/** What is less counts as independent. */
const MIN_DISPERSION = 1.01;
/** Ratio of steps that may have any result, such as for what else the machine did. */
const WRONG_RATIO = 0.02;
/** Ratio of violations beyond which a step only says that there are at least so many: the odds of an overload follow no line. */
const MAX_RATIO = 0.3;

/** Log odds at which a likelihood is computed; between them it is interpolated, and outside it is that of the ends. */
const MIN_ODDS = -10;
const MAX_ODDS = 6;
const ODDS_STEP = 0.125;

/**
 * Where the edge of an SLO lies, the value at which just the allowed ratio of requests violates it, given steps:
 *
 * ```
 * ln odds of a violation = ln odds of the allowed ratio + slope · ln(value / edge)
 * ```
 *
 * with a flat prior of ln(edge), ln(slope) and ln(dispersion), of which the latter two are summed out. Requests of one queue violate
 * together, so that their number scatters more than a binomial one: it is beta-binomial (Skellam, J. R. Stat. Soc. B 10, 1948), with a
 * variance that grows with a power of the mean (Taylor, Nature 189, 1961). Ratios are used since, unlike a quantile, they have no bias in a
 * step that is shorter than the queue's memory: most steps contain none of the rare bursts that make a P99. Parts of a step are not used as
 * steps of their own: a queue outlives them, so that they scatter less than steps do. A few steps may have any result (a contaminated
 * distribution: Tukey, "A survey of sampling from contaminated distributions", 1960), so that a single one does not decide a search.
 */
export class EdgePosterior {
  readonly #grid: PosteriorGrid;
  #hasViolations = false;
  /** Of each slope and dispersion, the log likelihood by edge. */
  readonly #logs: readonly Float64Array[];

  constructor(grid: PosteriorGrid) {
    this.#grid = grid;
    this.#logs = SLOPES.flatMap(() => DISPERSIONS.map(() => new Float64Array(grid.points)));
  }

  add({ value, violations: all, count, allowed, queue }: Tally): void {
    this.#hasViolations ||= all > 0;
    const base = Math.log(allowed / (1 - allowed));
    const most = count > 1 ? Math.max(MAX_RATIO, (1 + allowed) / 2) : 1;
    const isLeast = all > most * count;
    const counted = { value, violations: isLeast ? most * count : all, count, allowed };
    const made = new Map<number, readonly Float64Array[]>();
    const tablesOf = (ratio: number) => {
      const tables = made.get(ratio) ?? DISPERSIONS.map(one => likelihoods(counted, isLeast, one, ratio * count));
      made.set(ratio, tables);
      return tables;
    };
    for (const [index, slope] of SLOPES.entries()) {
      const rows = this.#logs.slice(index * DISPERSIONS.length, (index + 1) * DISPERSIONS.length);
      const ratioAt = dispersionRatio(slope, allowed, queue);
      const shown = queue && shownOdds(slope, allowed, queue);
      for (let point = 0; point < this.#grid.points; point += 1) {
        const load = this.#grid.loadAt(value, point);
        const odds = Math.min(base + slope * load, shown?.(load) ?? MAX_ODDS);
        const place = (Math.min(MAX_ODDS, Math.max(MIN_ODDS, odds)) - MIN_ODDS) / ODDS_STEP;
        const whole = Math.floor(place);
        const part = place - whole;
        const tables = tablesOf(ratioAt(load));
        for (let nth = 0; nth < tables.length; nth += 1) {
          const table = tables[nth]!;
          rows[nth]![point]! += table[whole]! * (1 - part) + table[whole + 1]! * part;
        }
      }
    }
  }

  /** Whether any request violated it: otherwise its edge is beyond all that was tried. */
  get hasViolations(): boolean {
    return this.#hasViolations;
  }

  weights(): Float64Array {
    return this.#grid.weightsOf(this.#logs);
  }
}

/** Log likelihoods of a number of violations, or of at least as many, by the log odds of one. */
function likelihoods(
  { violations, count, allowed }: Tally,
  isLeast: boolean,
  dispersion: number,
  most: number,
): Float64Array {
  const table = new Float64Array(Math.round((MAX_ODDS - MIN_ODDS) / ODDS_STEP) + 2);
  const others = count - violations;
  const choices = logGamma(count + 1) - logGamma(violations + 1) - logGamma(others + 1);
  for (let index = 0; index < table.length; index += 1) {
    const odds = MIN_ODDS + index * ODDS_STEP;
    const [p, q] = [1 / (1 + Math.exp(-odds)), 1 / (1 + Math.exp(odds))];
    const scale = Math.min(dispersion * (p / allowed) ** DISPERSION_POWER, most);
    const size = scale > MIN_DISPERSION ? (count - scale) / (scale - 1) : 1e6;
    const likelihood = isLeast
      ? atLeast(violations, count, p, q, size)
      : Math.exp(
          choices +
            (size < 1e6
              ? betaBinomial(violations, others, p, q, size)
              : violations * Math.log(p) + others * Math.log(q)),
        );
    table[index] = Math.log((1 - WRONG_RATIO) * likelihood + WRONG_RATIO / (isLeast ? 2 : count + 1));
  }
  return table;
}

/** Beta-binomial probability of at least so many. */
function atLeast(violations: number, count: number, p: number, q: number, size: number): number {
  const [n, least] = [Math.round(count), Math.round(violations)];
  let probability = Math.exp(betaBinomial(0, n, p, q, size));
  let below = 0;
  for (let k = 0; k < least; k += 1) {
    below += probability;
    probability *= ((n - k) * (p * size + k)) / ((k + 1) * (q * size + n - k - 1));
  }
  return Math.max(0, 1 - below);
}

/** ln of the beta-binomial probability, but for the binomial coefficient. @param size of its beta distribution, alpha + beta */
function betaBinomial(violations: number, others: number, p: number, q: number, size: number): number {
  const rising = (from: number, by: number) => (by > 0 ? logGamma(from + by) - logGamma(from) : 0);
  return rising(p * size, violations) + rising(q * size, others) - rising(size, violations + others);
}

/**
 * Greatest dispersion for a step by ln(load / edge), from how long its queue stays above what an SLO allows: on average
 * slack · slope / (ln allowed)² at the edge, of a Brownian motion whose odds have that slope, and the longer the less capacity is left
 * above the load, by its square. So a step above the edge may well be without any violation, or full of them.
 */
function dispersionRatio(slope: number, allowed: number, queue: QueuedStep | undefined): (load: number) => number {
  const [few, two, one] = MAX_DISPERSION_RATIOS;
  if (!queue) return () => few;
  const lastsMs = (queue.slackMs * slope) / Math.log(allowed) ** 2;
  const ratio = (2 * lastsMs) / (queue.toMs - queue.fromMs);
  if (ratio > SHORT_RATIO) return () => (ratio <= two ? two : one);
  const reserve = reserveOf(slope, allowed);
  const from = Math.log((1 + reserve) / (1 + reserve * Math.sqrt(ratio / SHORT_RATIO)));
  return load => (load > from ? two : few);
}
