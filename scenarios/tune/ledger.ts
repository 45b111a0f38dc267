import { keyOf, type Point } from './proposals.ts';

/** A load shape with a seed. */
export interface Instance {
  /** Index of the scenario. */
  readonly shape: number;
  readonly seed: number;
}

/** How one run went. */
export interface Trial {
  /** Whether every SLO passed. */
  readonly met: boolean;
  /** How far it is from that: 0 if it passed, otherwise above. */
  readonly violation: number;
  /** At least 0; null for a run that has none. */
  readonly cost: number | null;
  /** Why it did not pass, in words; empty if it did. */
  readonly reason: string;
}

/** A point over several instances. */
export interface Score {
  /** Whether every SLO passed on all of them. */
  readonly met: boolean;
  /** Sum over them. */
  readonly violation: number;
  /** Mean cost, on each instance in proportion to that of the user's own point, so that all shapes count alike; infinite without one. */
  readonly cost: number;
  /** Why the first of those that did not pass did not. */
  readonly reason: string;
}

/** Difference of costs that counts, as a ratio. */
const MIN_SAVING_RATIO = 1e-3;

/** Whether one score is better than another: SLOs first, then cost. */
export function beats(a: Score, b: Score): boolean {
  if (a.met !== b.met) return a.met;
  if (!a.met && a.violation !== b.violation) return a.violation < b.violation;
  return a.cost < (1 - MIN_SAVING_RATIO) * b.cost;
}

/** All runs of a search, each carried out once. */
export class Ledger {
  readonly #own: Point;
  readonly #carryOut: (point: Point, instance: Instance) => Promise<Trial>;
  readonly #trials = new Map<string, Trial>();
  /** How often a point failed on an instance, by the instance. */
  readonly #failures = new Map<string, number>();

  /** @param own point of the user, the measure of all costs */
  constructor(own: Point, carryOut: (point: Point, instance: Instance) => Promise<Trial>) {
    this.#own = own;
    this.#carryOut = carryOut;
  }

  /** Runs each point on each instance, as far as that has not happened, side by side. @throws the first error of a run */
  async run(points: readonly Point[], instances: readonly Instance[]): Promise<void> {
    await Promise.all(
      points.flatMap(point =>
        instances.map(async instance => {
          if (!this.has(point, instance))
            this.#trials.set(keyOfRun(point, instance), await this.#carryOut(point, instance));
        }),
      ),
    );
  }

  /** Counts the failures of points on instances, for {@link hardestFirst}; all of them have run. */
  countFailures(points: readonly Point[], instances: readonly Instance[]): void {
    for (const instance of instances) {
      const failed = points.filter(point => !this.trial(point, instance).met).length;
      const key = keyOfInstance(instance);
      this.#failures.set(key, (this.#failures.get(key) ?? 0) + failed);
    }
  }

  /** Whether a point has run on an instance. */
  has(point: Point, instance: Instance): boolean {
    return this.#trials.has(keyOfRun(point, instance));
  }

  /** The run of a point on an instance, which has been carried out. */
  trial(point: Point, instance: Instance): Trial {
    return this.#trials.get(keyOfRun(point, instance))!;
  }

  /** A point over instances on which it and the user's own have run. */
  score(point: Point, instances: readonly Instance[]): Score {
    const trials = instances.map(instance => this.trial(point, instance));
    const costs = instances.map((instance, index) => {
      const { cost } = this.trial(this.#own, instance);
      return (trials[index]!.cost ?? Number.POSITIVE_INFINITY) / (cost || 1);
    });
    return {
      met: trials.every(({ met }) => met),
      violation: trials.reduce((sum, { violation }) => sum + violation, 0),
      cost: costs.reduce((sum, cost) => sum + cost, 0) / costs.length,
      reason: trials.find(({ met }) => !met)?.reason ?? '',
    };
  }

  /** Instances on which a point is furthest from its SLOs first, then those on which others failed most often. */
  hardestFirst(point: Point, instances: readonly Instance[]): Instance[] {
    const failures = (instance: Instance) => this.#failures.get(keyOfInstance(instance)) ?? 0;
    const violation = (instance: Instance) => this.trial(point, instance).violation;
    return [...instances].sort((a, b) => violation(b) - violation(a) || failures(b) - failures(a));
  }
}

function keyOfRun(point: Point, instance: Instance): string {
  return `${keyOf(point)} on ${keyOfInstance(instance)}`;
}

function keyOfInstance({ shape, seed }: Instance): string {
  return `${shape}/${seed}`;
}
