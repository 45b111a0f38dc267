import { logGamma } from '../../reports/judge/statistics.ts';

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
}

/** Whether an SLO is met below its edge (of a rate) or above it (of a number of replicas). */
export type Side = 'below' | 'above';

/** Slopes of the log odds of a violation over ln(value): for 1 % more, from 4 % to twelve times as many. */
const SLOPES = [4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 256];
/** By how much the violations of a step scatter more at the edge than independent ones: their variance over the binomial one. */
const DISPERSIONS = [1.5, 3, 6, 12, 25, 50, 100, 200, 400, 1000];
/** Power of the ratio of violations with which that grows: the closer to saturation, the longer a queue that violates an SLO lasts. */
const DISPERSION_POWER = 0.5;
/** Greatest of them, as a ratio of the requests of a step: it holds at least five queues. */
const MAX_DISPERSION_RATIO = 0.2;
/** What is less counts as independent. */
const MIN_DISPERSION = 1.01;
/** Ratio of steps that may have any result, such as for what else the machine did. */
const WRONG_RATIO = 0.02;
/** Log likelihoods that are less than the greatest by this add nothing. */
const NEGLIGIBLE = 25;
/** Distance of neighbouring edges of the grid, and how far it extends beyond its values, which a step that is wrong may have set, in ln(value). */
const SPACING = 0.01;
const MARGIN = 0.8;
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
  readonly #from: number;
  readonly #points: number;
  readonly #sign: number;
  #hasViolations = false;
  /** Of each slope and dispersion, the log likelihood by edge. */
  readonly #logs: readonly Float64Array[];

  /** @param low lowest value that an edge is looked for at, but for a margin @param high highest such */
  constructor(low: number, high: number, side: Side) {
    this.#from = Math.log(low) - MARGIN;
    this.#points = Math.ceil((Math.log(high) + MARGIN - this.#from) / SPACING) + 1;
    this.#sign = side === 'below' ? 1 : -1;
    this.#logs = SLOPES.flatMap(() => DISPERSIONS.map(() => new Float64Array(this.#points)));
  }

  add({ value, violations: all, count, allowed }: Tally): void {
    this.#hasViolations ||= all > 0;
    const at = Math.log(value);
    const base = Math.log(allowed / (1 - allowed));
    const most = count > 1 ? Math.max(MAX_RATIO, (1 + allowed) / 2) : 1;
    const isCensored = all > most * count;
    const violations = isCensored ? most * count : all;
    const maxOdds = isCensored ? Math.log(most / (1 - most)) : MAX_ODDS;
    const tables = DISPERSIONS.map(dispersion => likelihoods(violations, count, allowed, dispersion));
    for (const [index, slope] of SLOPES.entries()) {
      const rows = this.#logs.slice(index * DISPERSIONS.length, (index + 1) * DISPERSIONS.length);
      for (let point = 0; point < this.#points; point += 1) {
        const odds = base + slope * this.#sign * (at - this.#from - point * SPACING);
        const place = (Math.min(maxOdds, Math.max(MIN_ODDS, odds)) - MIN_ODDS) / ODDS_STEP;
        const whole = Math.floor(place);
        const part = place - whole;
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

  /** Edges below which the truth lies with each of these probabilities. @param probabilities ascending, between 0 and 1 */
  quantiles(probabilities: readonly number[]): number[] {
    let best = Number.NEGATIVE_INFINITY;
    for (const row of this.#logs)
      for (let point = 0; point < this.#points; point += 1) best = Math.max(best, row[point]!);
    const weights = new Float64Array(this.#points);
    for (const row of this.#logs)
      for (let point = 0; point < this.#points; point += 1)
        if (row[point]! > best - NEGLIGIBLE) weights[point]! += Math.exp(row[point]! - best);
    const total = weights.reduce((a, b) => a + b, 0);
    let [point, sum] = [0, 0];
    return probabilities.map(probability => {
      while (point < this.#points - 1 && sum + weights[point]! < probability * total) {
        sum += weights[point]!;
        point += 1;
      }
      const part = Math.min(1, (probability * total - sum) / weights[point]!);
      return Math.exp(this.#from + (point - 0.5 + part) * SPACING);
    });
  }
}

/** Log likelihoods of a number of violations, by the log odds of one. */
function likelihoods(violations: number, count: number, allowed: number, dispersion: number): Float64Array {
  const table = new Float64Array(Math.round((MAX_ODDS - MIN_ODDS) / ODDS_STEP) + 2);
  const others = count - violations;
  const choices = logGamma(count + 1) - logGamma(violations + 1) - logGamma(others + 1);
  for (let index = 0; index < table.length; index += 1) {
    const odds = MIN_ODDS + index * ODDS_STEP;
    const [p, q] = [1 / (1 + Math.exp(-odds)), 1 / (1 + Math.exp(odds))];
    const scale = Math.min(dispersion * (p / allowed) ** DISPERSION_POWER, MAX_DISPERSION_RATIO * count);
    const log =
      scale > MIN_DISPERSION
        ? choices + betaBinomial(violations, others, p, q, (count - scale) / (scale - 1))
        : choices + violations * Math.log(p) + others * Math.log(q);
    table[index] = Math.log((1 - WRONG_RATIO) * Math.exp(log) + WRONG_RATIO / (count + 1));
  }
  return table;
}

/** ln of the beta-binomial probability, but for the binomial coefficient. @param size of its beta distribution, alpha + beta */
function betaBinomial(violations: number, others: number, p: number, q: number, size: number): number {
  const rising = (from: number, by: number) => (by > 0 ? logGamma(from + by) - logGamma(from) : 0);
  return rising(p * size, violations) + rising(q * size, others) - rising(size, violations + others);
}
