/** Whether an SLO is met below its edge (of a rate) or above it (of a number of replicas). */
export type Side = 'below' | 'above';

/** Distance of neighbouring edges of the grid, and how far it extends beyond its values, which a step that is wrong may have set, in ln(value). */
const SPACING = 0.01;
const MARGIN = 0.8;
/** Log likelihoods that are less than the greatest by this add nothing. */
const NEGLIGIBLE = 25;

/** Edges that are possible, evenly spaced in ln(value). */
export class PosteriorGrid {
  readonly #from: number;
  readonly #sign: number;
  readonly #side: Side;
  readonly points: number;

  /** @param low lowest value that an edge is looked for at, but for a margin @param high highest such */
  constructor(low: number, high: number, side: Side) {
    this.#from = Math.log(low) - MARGIN;
    this.#side = side;
    this.#sign = side === 'below' ? 1 : -1;
    this.points = Math.ceil((Math.log(high) + MARGIN - this.#from) / SPACING) + 1;
  }

  /** ln(load / load at the edge), if a value is tried and the edge is at a point. */
  loadAt(value: number, point: number): number {
    return this.#sign * (Math.log(value) - this.#from - point * SPACING);
  }

  /** Probability of each point. @param rows log likelihoods of the points, one row for each value of what is summed out */
  weightsOf(rows: readonly Float64Array[]): Float64Array {
    let best = Number.NEGATIVE_INFINITY;
    for (const row of rows) for (const log of row) best = Math.max(best, log);
    const weights = new Float64Array(this.points);
    for (const row of rows)
      for (let point = 0; point < this.points; point += 1)
        if (row[point]! > best - NEGLIGIBLE) weights[point]! += Math.exp(row[point]! - best);
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map(weight => weight / total);
  }

  /** Probability that the first of independent edges is at each point; from the other side, the last. */
  firstOf(all: readonly Float64Array[]): Float64Array {
    const first = new Float64Array(this.points);
    const sums = all.map(() => 0);
    let left = 1;
    for (let index = 0; index < this.points; index += 1) {
      const point = this.#side === 'below' ? index : this.points - 1 - index;
      for (const [nth, weights] of all.entries()) sums[nth]! += weights[point]!;
      const after = sums.reduce((product, sum) => product * Math.max(0, 1 - sum), 1);
      first[point] = left - after;
      left = after;
    }
    return first;
  }

  /** Edges below which the truth lies with each of these probabilities. @param probabilities ascending, between 0 and 1 */
  quantiles(weights: Float64Array, probabilities: readonly number[]): number[] {
    let [point, sum] = [0, 0];
    return probabilities.map(probability => {
      while (point < this.points - 1 && sum + weights[point]! < probability) {
        sum += weights[point]!;
        point += 1;
      }
      const part = Math.min(1, (probability - sum) / weights[point]!);
      return Math.exp(this.#from + (point - 0.5 + part) * SPACING);
    });
  }
}
