import type { Side } from './posterior-grid.ts';
import { type DecidedStep, type Edge, type Outcome, Posteriors } from './posteriors.ts';

/** Why a search ended. */
export type Stop = 'precise' | 'budget' | 'steps' | 'lowest-fails' | 'highest-passes' | 'generator-limit' | 'undecided';

/** Result of a search: `edge` is null where it has no bracket, and `stop` says why. */
export interface Found {
  readonly edge: Edge | null;
  readonly stop: Stop;
  /** Highest rate at which all SLOs were met, and lowest at which not (of replicas the other way round); null without one. */
  readonly bestMet: number | null;
  readonly bestMissed: number | null;
  /** Without an edge: the value that it is surely beyond, on the side of what was tried; null with one, and where nothing was decided. */
  readonly bound: number | null;
}

/** Options of {@link search}. */
export interface SearchOptions {
  /** Where doubling begins. */
  readonly start: number;
  /** Lowest and highest value that is tried. */
  readonly min: number;
  readonly max: number;
  readonly side: Side;
  /** Whether only whole numbers are tried. */
  readonly isWhole: boolean;
  /** Ends where upper / lower − 1 is at most this; whole numbers also where both bounds are the same. */
  readonly precision: number;
  readonly maxSteps: number;
  /** Steps that are tried side by side near the edge; the same for one seed, whatever the number of processors is. */
  readonly atOnce: number;
  /** Whether there is time for another step. */
  readonly hasTime: () => boolean;
  /** Tries a value; `index` counts the steps from 0. */
  readonly step: (value: number, index: number) => Promise<Outcome>;
}

/** Probability that the edge lies in its interval. */
export const LEVEL = 0.9;
/** Distance in ln(value) that steps do not resolve, by which an interval is wider than the posterior says. */
const RESOLUTION = 0.01;
/** Steps near the edge before a search may end as precise: fewer without one of the rare bursts look precise, and are too high. */
const MIN_NEAR = 14;
/** Tries of each of two neighbouring whole numbers, all of which must say the same, to settle which of them is the edge. */
const MIN_TRIES = 3;
/** Distance of whole numbers below which those between and at them are tried, instead of any by the posterior. */
const FEW = 4;
/** Tries of one value whose result stays unknown. */
const MAX_UNKNOWN = 2;
/** Where steps are tried, in turn: around the median of the posterior, from the lower bound of the interval (−1) to the upper one (1). */
const TURNS = [0, 1, -1, 0.5, -0.5];
/** Least distance of such a bound from the median, in ln(value): without steps beside the edge nothing is known of the slope. */
const MIN_REACH = 0.05;

/**
 * Finds the value at which SLOs cease to be met.
 *
 * ```
 * start ─▶ double (or halve) until one step meets the SLOs and one misses them
 *       ─▶ try quantiles of the posterior of the first edge ─▶ interval narrow enough? ─▶ edge
 * ```
 *
 * A step may be wrong near the edge, so that no value is excluded for good: each result moves the posterior of `edge-posterior.ts`, and
 * the next steps are where it has its mass (probabilistic bisection: Waeber, Frazier & Henderson, SIAM J. Control Optim. 51, 2013).
 */
export async function search(options: SearchOptions): Promise<Found> {
  const course = new Course(options);
  const stop = (await course.bracket()) ?? (await course.narrow());
  return course.found(stop);
}

class Course {
  readonly #options: SearchOptions;
  /** Those whose result is known. */
  readonly #steps: DecidedStep[] = [];
  #begun = 0;
  readonly #posteriors: Posteriors;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#posteriors = new Posteriors(options.side);
  }

  /** Doubles away from what is met, halves towards it. @returns why there is no bracket; undefined if there is */
  async bracket(): Promise<Stop | undefined> {
    const { start, side } = this.#options;
    let value = this.#shaped(start);
    for (;;) {
      if (!this.#mayStep()) return this.#ending();
      const outcome = await this.#try(value);
      if (outcome === 'generator') return 'generator-limit';
      if (outcome === undefined) return this.#mayStep() ? 'undecided' : this.#ending();
      if (this.#isBracketed()) return undefined;
      const isUp = outcome === (side === 'below');
      const next = this.#shaped(isUp ? value * 2 : value / 2);
      if (next === value) {
        // An extreme that decides the result is tried twice.
        if (this.#steps.filter(step => step.value === value && step.met === outcome).length < 2) continue;
        return outcome ? 'highest-passes' : 'lowest-fails';
      }
      value = next;
    }
  }

  /** Repeats steps where the edge may be. */
  async narrow(): Promise<Stop> {
    const { atOnce, precision, isWhole, maxSteps } = this.#options;
    for (let turn = 0; ; ) {
      const { lower, upper } = this.#edge();
      const isNarrow = upper / lower - 1 <= precision && !isWhole;
      if (isNarrow && this.#near(lower, upper) >= MIN_NEAR) return 'precise';
      if (this.#settled() !== undefined || (isWhole && upper - lower <= precision * lower)) return 'precise';
      if (!this.#mayStep()) return this.#ending();
      const count = Math.min(atOnce, maxSteps - this.#begun);
      const turns = Array.from({ length: count }, () => TURNS[turn++ % TURNS.length]!);
      const outcomes = await Promise.all(this.#around(turns).map(value => this.#try(this.#shaped(value))));
      if (outcomes.every(outcome => outcome === 'generator')) return 'generator-limit';
      if (outcomes.every(outcome => outcome === undefined)) return this.#mayStep() ? 'undecided' : this.#ending();
    }
  }

  found(stop: Stop): Found {
    const edge = this.#isBracketed() ? this.#edge() : null;
    const bound = edge ? null : this.#bound();
    return { edge, stop, bestMet: this.#best(true), bestMissed: this.#best(false), bound };
  }

  /** Where all steps had the same result: the last value that the posterior excludes, and at most the nearest that was tried. */
  #bound(): number | null {
    const met = this.#best(true);
    const value = met ?? this.#best(false);
    if (value === null) return null;
    const { side, isWhole } = this.#options;
    this.#posteriors.add(this.#steps, [value]);
    const { lower, upper } = met === null ? this.#posteriors.first() : this.#posteriors.unviolated();
    const isLower = (met !== null) === (side === 'below');
    const bound = isLower ? Math.min(value, lower) : Math.max(value, upper);
    return isWhole ? (isLower ? Math.floor(bound) : Math.ceil(bound)) : bound;
  }

  /** @returns whether the value meets the SLOs; undefined where that stays unknown, or there is no time for another try */
  async #try(value: number): Promise<boolean | 'generator' | undefined> {
    for (let tries = 0; tries < MAX_UNKNOWN && (tries === 0 || this.#mayStep()); tries += 1) {
      this.#begun += 1;
      const outcome = await this.#options.step(value, this.#begun - 1);
      if (outcome.met !== null) {
        this.#steps.push({ value, ...outcome });
        return outcome.met;
      }
      if (outcome.isGeneratorLimit && tries === MAX_UNKNOWN - 1) return 'generator';
    }
    return undefined;
  }

  #mayStep(): boolean {
    return this.#begun < this.#options.maxSteps && this.#options.hasTime();
  }

  #ending(): Stop {
    return this.#options.hasTime() ? 'steps' : 'budget';
  }

  #isBracketed(): boolean {
    return this.#best(true) !== null && this.#best(false) !== null;
  }

  /** Steps within the interval, or next to it. */
  #near(lower: number, upper: number): number {
    const width = Math.max(upper / lower, 1.05);
    return this.#steps.filter(({ value }) => value >= lower / width && value <= upper * width).length;
  }

  /** The edge that comes first of those of the SLOs and of a lag. Of whole numbers, the last that meets it. */
  #edge(): Edge {
    const { isWhole, side } = this.#options;
    this.#posteriors.add(this.#steps, [this.#best(true)!, this.#best(false)!]);
    const first = this.#posteriors.first();
    if (isWhole) {
      const settled = this.#settled();
      if (settled !== undefined) return { ...first, lower: settled, value: settled, upper: settled };
      const whole = (value: number) => Math.max(1, side === 'below' ? Math.floor(value) : Math.ceil(value));
      return { ...first, lower: whole(first.lower), value: whole(first.value), upper: whole(first.upper) };
    }
    const apart = Math.exp(RESOLUTION);
    const [below, above] = [first.lower / apart, first.upper * apart];
    const [met, missed] = [this.#best(true)!, this.#best(false)!];
    // Where no step contradicts another, the edge is between them, however steep it is.
    const isClear = met < missed === (side === 'below');
    const [lower, upper] = isClear ? [Math.min(below, met, missed), Math.max(above, met, missed)] : [below, above];
    return { ...first, lower, value: Math.min(upper, Math.max(lower, first.value)), upper };
  }

  /** The last whole number that meets the SLOs, where it and the next one have been tried often enough, with one result each. */
  #settled(): number | undefined {
    const [met, missed] = [this.#best(true)!, this.#best(false)!];
    if (!this.#options.isWhole || missed - met !== (this.#options.side === 'below' ? 1 : -1)) return undefined;
    const tries = (at: number) => this.#steps.filter(({ value }) => value === at).length;
    return tries(met) >= MIN_TRIES && tries(missed) >= MIN_TRIES ? met : undefined;
  }

  /** Values of the next turns. */
  #around(turns: readonly number[]): number[] {
    const { lower, value, upper } = this.#edge();
    const [met, missed] = [this.#best(true)!, this.#best(false)!];
    const isClear = met < missed === (this.#options.side === 'below');
    if (this.#options.isWhole && isClear && Math.abs(met - missed) <= FEW)
      return turns.map((_, index) => [(met + missed) / 2, met, missed][index % 3]!);
    return turns.map(turn => {
      const reach = Math.max(MIN_REACH, Math.log(turn < 0 ? value / lower : upper / value));
      return value * Math.exp(turn * reach);
    });
  }

  /** Value nearest to the other result at which SLOs were met, or not. */
  #best(met: boolean): number | null {
    const values = this.#steps.filter(step => step.met === met).map(({ value }) => value);
    if (values.length === 0) return null;
    return met === (this.#options.side === 'below') ? Math.max(...values) : Math.min(...values);
  }

  /** A value that can be tried: within the limits, whole where it must be, else with four digits. */
  #shaped(value: number): number {
    const { min, max, isWhole } = this.#options;
    return Math.min(max, Math.max(min, isWhole ? Math.round(value) : Number(value.toPrecision(4))));
  }
}
