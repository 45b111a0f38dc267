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

/** Slopes of the log odds of a violation over ln(value): for 1 % more, from 8 % to twelve times as many. */
const SLOPES = [8, 16, 32, 64, 128, 256];
/** Requests that violate an SLO together, since they wait in the same queue; of a step that is only met or not, 1. */
const CLUSTERS = [5, 12, 30, 75, 200];
/** Least number of such clusters that the requests of a step make. */
const MIN_CLUSTERS = 5;
/** Power of the likelihood: steps are not quite what the model says, so that many of them prove less than it says. */
const TEMPER = 0.6;
/** Distance of neighbouring edges of the grid, and how far it extends beyond its values, in ln(value). */
const SPACING = 0.005;
const MARGIN = 0.4;
/** Ratio of violations beyond which a step only says that there are at least so many: the odds of an overload follow no line. */
const MAX_RATIO = 0.3;

/**
 * Where the edge of an SLO lies, the value at which just the allowed ratio of requests violates it, given steps:
 *
 * ```
 * ln odds of a violation = ln odds of the allowed ratio + slope · ln(value / edge)
 * ```
 *
 * with a flat prior of ln(edge), ln(slope) and ln(cluster), of which the latter two are summed out. Requests of one queue violate together,
 * so that their number scatters more than a binomial one, by the factor `cluster`: the likelihood of a step is the extended quasi-likelihood
 * (Nelder & Pregibon, Biometrika 74, 1987). Ratios are used since, unlike a quantile, they have no bias in a step that is shorter than the
 * queue's memory: most steps contain none of the rare bursts that make a P99.
 */
export class EdgePosterior {
  readonly #from: number;
  readonly #points: number;
  readonly #sign: number;
  #hasViolations = false;
  /** Of each slope and cluster, the log likelihood by edge. */
  readonly #logs: readonly Float64Array[];

  /** @param low lowest value that an edge is looked for at, but for a margin @param high highest such */
  constructor(low: number, high: number, side: Side) {
    this.#from = Math.log(low) - MARGIN;
    this.#points = Math.ceil((Math.log(high) + MARGIN - this.#from) / SPACING) + 1;
    this.#sign = side === 'below' ? 1 : -1;
    this.#logs = SLOPES.flatMap(() => CLUSTERS.map(() => new Float64Array(this.#points)));
  }

  add({ value, violations: all, count, allowed }: Tally): void {
    this.#hasViolations ||= all > 0;
    const at = Math.log(value);
    const base = Math.log(allowed / (1 - allowed));
    const most = count > 1 ? Math.max(MAX_RATIO, (1 + allowed) / 2) : 1;
    const isCensored = all > most * count;
    const violations = isCensored ? most * count : all;
    const maxOdds = isCensored ? Math.log(most / (1 - most)) : Number.POSITIVE_INFINITY;
    const sizes = CLUSTERS.map(cluster => Math.max(1, Math.min(cluster, count / MIN_CLUSTERS)));
    const constants = sizes.map(size => {
      const scale = violations > 0 && violations < count ? Math.log(size) : 0;
      const choices = logGamma(violations / size + 1) + logGamma((count - violations) / size + 1);
      return logGamma(count / size + 1) - choices - scale;
    });
    for (const [index, slope] of SLOPES.entries()) {
      for (let point = 0; point < this.#points; point += 1) {
        const odds = Math.min(maxOdds, base + slope * this.#sign * (at - this.#from - point * SPACING));
        // ln p and ln(1 − p) without rounding to 0.
        const log = odds > 0 ? -Math.log1p(Math.exp(-odds)) : odds - Math.log1p(Math.exp(odds));
        const whole = violations * log + (count - violations) * (log - odds);
        for (const [nth, size] of sizes.entries())
          this.#logs[index * CLUSTERS.length + nth]![point]! += whole / size + constants[nth]!;
      }
    }
  }

  /** Whether any request violated it: otherwise its edge is beyond all that was tried. */
  get hasViolations(): boolean {
    return this.#hasViolations;
  }

  /** Edges below which the truth lies with each of these probabilities. @param probabilities ascending, between 0 and 1 */
  quantiles(probabilities: readonly number[]): number[] {
    const best = Math.max(...this.#logs.map(row => row.reduce((a, b) => Math.max(a, b))));
    const weights = new Float64Array(this.#points);
    for (const row of this.#logs)
      for (const [point, log] of row.entries()) weights[point]! += Math.exp(TEMPER * (log - best));
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
