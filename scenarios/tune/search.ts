import type { Random } from '../../harness/random.ts';
import { beats, type Instance, Ledger, type Trial } from './ledger.ts';
import { type Axis, type Point, Proposals } from './proposals.ts';
import { type Raced, race } from './race.ts';

/** Why a search ended: nothing better to expect, its number of rounds, its time, or a signal. */
export type SearchEnd = 'converged' | 'rounds' | 'budget' | 'interrupted';

/** A point that raced in a round, from 1. */
export interface Tried extends Raced {
  readonly round: number;
}

/** A point on seeds that the search had not seen. */
export interface Confirmation {
  readonly point: Point;
  readonly instances: readonly Instance[];
  /** `fail`: an SLO did not pass on one of them. `unfinished`: some have not run. */
  readonly outcome: 'pass' | 'fail' | 'unfinished';
  /** Why it did not pass; empty if it did. */
  readonly reason: string;
}

/** What a search found, as far as it got. */
export interface Found {
  /** The best point on the training instances; the user's own where none is better. */
  readonly best: Point;
  readonly end: SearchEnd;
  readonly rounds: number;
  /** With those held-out seeds on which an earlier best point failed. */
  readonly training: readonly Instance[];
  readonly tried: readonly Tried[];
  /** In their order; the last one is of `best`, unless that one failed. */
  readonly confirmations: readonly Confirmation[];
}

/** Options of {@link search}. */
export interface SearchOptions {
  readonly axes: readonly Axis[];
  readonly isAllowed: (point: Point) => boolean;
  /** Runs a point, once for each instance. @throws the reason of the signal on abort */
  readonly run: (point: Point, instance: Instance) => Promise<Trial>;
  readonly training: readonly Instance[];
  /** Instances for the nth confirmation, from 0, whose seeds nothing else has. */
  readonly heldOut: (nth: number) => readonly Instance[];
  /** Whether there is time for as many runs. @param later runs that must follow for anything to be shown */
  readonly hasTime: (runs: number, later: number) => boolean;
  readonly maxRounds: number;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onRound?: (tried: readonly Tried[]) => void;
  readonly onConfirmation?: (confirmation: Confirmation) => void;
}

/** Points of a round, and runs at once elsewhere: not the number of processes, since the result must not depend on that. */
const ROUND = 4;
/** Rounds without success, once all steps have been tried, after which nothing better is to be expected. */
const MAX_IDLE_ROUNDS = 15;
/** The same while only a part of the seeds is in use, and most rounds then. */
const LEVEL_IDLE_ROUNDS = 2;
const LEVEL_ROUNDS = 12;

/**
 * Searches the cheapest point that meets the SLOs on all training instances, from the user's own on, and confirms it on held-out ones.
 *
 * ```
 * own on all training instances ─► rounds: four points race the best ─► held-out seeds ─► pass: the user's own on them, too
 *                                     ▲                                    │ fail
 *                                     └── these seeds become training ◄────┘
 * ```
 *
 * What is run, in which order, follows from the options and the results; time decides only when it ends.
 * @throws the first error of a run
 */
export async function search(options: SearchOptions): Promise<Found> {
  return await new Search(options).found();
}

class Search {
  readonly #options: SearchOptions;
  readonly #own: Point;
  readonly #ledger: Ledger;
  readonly #proposals: Proposals;
  readonly #tried: Tried[] = [];
  readonly #confirmations: Confirmation[] = [];
  /** Each better than the one before; the first is the user's own. */
  readonly #ladder: Point[];
  #training: readonly Instance[];
  #rounds = 0;

  constructor(options: SearchOptions) {
    const { axes, isAllowed, run, random, training } = options;
    this.#options = options;
    this.#own = axes.map(({ own }) => own);
    this.#ladder = [this.#own];
    this.#ledger = new Ledger(this.#own, run);
    this.#proposals = new Proposals(axes, isAllowed, random);
    this.#training = training;
  }

  async found(): Promise<Found> {
    let end: SearchEnd;
    try {
      end = await this.#run();
    } catch (error) {
      if (!this.#options.signal.aborted) throw error;
      end = 'interrupted';
    }
    return {
      ...{ best: this.#best, end, rounds: this.#rounds, training: this.#training },
      ...{ tried: this.#tried, confirmations: this.#confirmations },
    };
  }

  get #best(): Point {
    return this.#ladder.at(-1)!;
  }

  async #run(): Promise<SearchEnd> {
    const { training } = this.#options;
    const seeds = [...new Set(training.map(({ seed }) => seed))];
    let end: SearchEnd = 'converged';
    for (let count = 1; ; count = Math.min(2 * count, seeds.length)) {
      const isLast = count === seeds.length;
      const known = new Set(seeds.slice(0, count));
      if (!(await this.#trainOn(training.filter(({ seed }) => known.has(seed))))) return 'budget';
      // Without time for more, what was found has still to pass the others.
      if (end === 'converged') end = await this.#improve(isLast);
      if (isLast) break;
    }
    for (;;) {
      const isFound = this.#ladder.length > 1 && this.#ledger.score(this.#best, this.#training).met;
      if (!isFound) return end;
      const confirmation = await this.#confirm();
      this.#confirmations.push(confirmation);
      this.#options.onConfirmation?.(confirmation);
      if (confirmation.outcome === 'unfinished') return 'budget';
      if (confirmation.outcome === 'pass') return end;
      if (!(await this.#trainOn([...this.#training, ...this.#failedOf(confirmation)]))) return 'budget';
      end = await this.#improve(true);
    }
  }

  /** Rounds, until there is nothing left to try or to spend; fewer where more seeds are to come. */
  async #improve(isLast: boolean): Promise<SearchEnd> {
    const { maxRounds, hasTime, onRound } = this.#options;
    const until = isLast ? maxRounds : Math.min(maxRounds, this.#rounds + LEVEL_ROUNDS);
    for (let idle = 0; idle < (isLast ? MAX_IDLE_ROUNDS : LEVEL_IDLE_ROUNDS); ) {
      if (this.#rounds >= until) return until === maxRounds ? 'rounds' : 'converged';
      const { met } = this.#ledger.score(this.#best, this.#training);
      const points = this.#proposals.next(this.#best, met, ROUND);
      if (points.length === 0) return 'converged';
      const { ledger, best, instances } = { ledger: this.#ledger, best: this.#best, instances: this.#training };
      const raced = await race({ ledger, points, best, instances, hasTime: runs => hasTime(runs, this.#later()) });
      if (!raced) return 'budget';
      this.#rounds += 1;
      const tried = raced.map(one => ({ ...one, round: this.#rounds }));
      this.#tried.push(...tried);
      const winner = raced.find(({ outcome }) => outcome === 'best')?.point;
      this.#proposals.learn(
        raced.map(({ point, outcome }) => ({ point, isBetter: outcome !== 'worse' })),
        winner,
      );
      if (winner) this.#ladder.push(winner);
      idle = winner || !this.#proposals.isExhausted ? 0 : idle + 1;
      onRound?.(tried);
    }
    return 'converged';
  }

  /** Runs the best point on fresh seeds, until it fails, and then the user's own, for the difference. */
  async #confirm(): Promise<Confirmation> {
    const instances = this.#options.heldOut(this.#confirmations.length);
    const found = (outcome: Confirmation['outcome'], reason = '') => {
      return { point: this.#best, instances, outcome, reason };
    };
    for (const part of parts(instances)) {
      if (!(await this.#runWhole(this.#best, part)))
        return found('unfinished', 'the budget ended before they had all run');
      const failed = part.map(instance => this.#ledger.trial(this.#best, instance)).find(({ met }) => !met);
      if (failed) return found('fail', failed.reason);
    }
    if (!(await this.#runWhole(this.#own, instances)))
      return found('unfinished', 'the budget ended before your own file had run on all of them');
    return found('pass');
  }

  /** Instances of the seeds on which a point failed. */
  #failedOf({ point, instances }: Confirmation): Instance[] {
    const run = instances.filter(instance => this.#ledger.has(point, instance));
    const failed = new Set(run.filter(one => !this.#ledger.trial(point, one).met).map(({ seed }) => seed));
    return instances.filter(({ seed }) => failed.has(seed));
  }

  /**
   * Makes more instances the training, and goes back to the last point that is better than the user's own on them. Whether there was time for
   * it.
   */
  async #trainOn(instances: readonly Instance[]): Promise<boolean> {
    this.#training = instances;
    if (!(await this.#runWhole(this.#own, instances))) return false;
    const own = this.#ledger.score(this.#own, instances);
    for (; this.#ladder.length > 1; this.#ladder.pop()) {
      if (!(await this.#runWhole(this.#best, instances))) return false;
      if (beats(this.#ledger.score(this.#best, instances), own)) break;
    }
    return true;
  }

  /** Runs that are still needed to show that the best point is better: on the rest of the training seeds, and on held-out ones. */
  #later(): number {
    const { training, heldOut } = this.#options;
    const missing = training.filter(instance => !this.#ledger.has(this.#own, instance)).length;
    return 2 * (missing + heldOut(this.#confirmations.length).length);
  }

  /** Runs a point on instances; false where the time does not suffice for what has not run yet. */
  async #runWhole(point: Point, instances: readonly Instance[]): Promise<boolean> {
    for (const part of parts(instances.filter(instance => !this.#ledger.has(point, instance)))) {
      if (!this.#options.hasTime(part.length, 0)) return false;
      await this.#ledger.run([point], part);
    }
    return true;
  }
}

function parts(instances: readonly Instance[]): Instance[][] {
  const count = Math.ceil(instances.length / ROUND);
  return Array.from({ length: count }, (_, index) => instances.slice(index * ROUND, (index + 1) * ROUND));
}
