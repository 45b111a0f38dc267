import { EdgePosterior, type Tally } from './edge-posterior.ts';
import { type Growth, LagPosterior } from './lag-posterior.ts';
import { PosteriorGrid, type Side } from './posterior-grid.ts';

/** Name of what limits a service whose lag grows, beside its SLOs. */
export const LAG = 'growing lag';

/** Tally of a step on the SLO with that measure. */
export interface NamedTally extends Omit<Tally, 'value'> {
  readonly name: string;
}

/** What a step of a search found out. */
export interface Outcome {
  /** Whether all SLOs were met; null where that is not known, such as of an invalid run. */
  readonly met: boolean | null;
  readonly tallies: readonly NamedTally[];
  /** Whether the generator, not the service, was the limit at this value. */
  readonly isGeneratorLimit: boolean;
  /** Whether it kept up with its arrivals; absent where that is not known, and of a closed loop, which has no lag. */
  readonly growth?: Growth;
}

/** Where an edge is. */
export interface Edge {
  /** Median of the posterior. */
  readonly value: number;
  /** Interval that holds the edge with the level of a search. */
  readonly lower: number;
  readonly upper: number;
  /** The SLO whose edge comes first. */
  readonly limitedBy: string;
}

/** Mass of the posterior between its bounds: more than their level, since the model of a step is not quite true, and a search ends where it happens to be narrow. */
const MASS = 0.97;
/** By which factor the values must have grown apart for posteriors over more of them: a step that set them was wrong. */
const WIDER = 1.5;

/** A step with a result. */
export interface DecidedStep extends Outcome {
  readonly value: number;
}

/** Posteriors of the edges of all SLOs and of a lag, from the steps so far. */
export class Posteriors {
  readonly #side: Side;
  readonly #slos = new Map<string, EdgePosterior>();
  #added = 0;
  #grid!: PosteriorGrid;
  #lag!: LagPosterior;
  /** Values that they were made for. */
  #range = { low: Number.POSITIVE_INFINITY, high: 0 };

  constructor(side: Side) {
    this.#side = side;
  }

  /** @param steps all so far; those that are known are not added again @param ends values between which the edge is looked for */
  add(steps: readonly DecidedStep[], ends: readonly number[]): void {
    // Results may contradict each other, so that the ends may be in any order, and the edge beyond them.
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    if (low < this.#range.low / WIDER || high > this.#range.high * WIDER) {
      this.#range = { low, high };
      this.#slos.clear();
      this.#added = 0;
      this.#grid = new PosteriorGrid(low, high, this.#side);
      this.#lag = new LagPosterior(this.#grid);
    }
    for (const { value, tallies, growth } of steps.slice(this.#added)) {
      const lag = tallies.find(({ name }) => name === LAG);
      if (growth || lag) this.#lag.add(value, growth, lag !== undefined && lag.violations > 0);
      for (const { name, ...tally } of tallies) {
        if (name === LAG) continue;
        const posterior = this.#slos.get(name) ?? new EdgePosterior(this.#grid);
        this.#slos.set(name, posterior);
        posterior.add({ value, ...tally });
      }
    }
    this.#added = steps.length;
  }

  /** The edge that comes first of those of the SLOs that were violated, and of a lag. */
  first(): Edge {
    const violated = [...this.#slos].filter(([, posterior]) => posterior.hasViolations);
    const all = violated.map(([name, posterior]) => [name, posterior.weights()] as const);
    if (this.#lag.hasLag || all.length === 0) all.push([LAG, this.#lag.weights()]);
    const edges = all.map(([limitedBy, weights]) => ({ ...this.#bounds(weights), limitedBy }));
    const earliest = (of: readonly Edge[]) =>
      of.reduce((a, b) => ((this.#side === 'below' ? b.value < a.value : b.value > a.value) ? b : a));
    const found = earliest(edges);
    // A lag says less than the SLO that it makes fail at about the same load.
    const slos = edges.filter(edge => edge.limitedBy !== LAG && edge.lower <= found.upper && edge.upper >= found.lower);
    const { limitedBy } = found.limitedBy === LAG && slos.length > 0 ? earliest(slos) : found;
    return { ...this.#bounds(this.#grid.firstOf(all.map(([, weights]) => weights))), limitedBy };
  }

  /** Bounds of the first edge where no step missed an SLO, so that any of them may be the first. */
  unviolated(): Omit<Edge, 'limitedBy'> {
    const all = [...this.#slos.values(), this.#lag].map(posterior => posterior.weights());
    return this.#bounds(this.#grid.firstOf(all));
  }

  #bounds(weights: Float64Array): Omit<Edge, 'limitedBy'> {
    const [lower, value, upper] = this.#grid.quantiles(weights, [(1 - MASS) / 2, 0.5, (1 + MASS) / 2]);
    return { lower: lower!, value: value!, upper: upper! };
  }
}
