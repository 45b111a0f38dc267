import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { formatDuration } from '../../harness/quantity.ts';
import type { Scenario } from '../scenario.ts';
import type { ChaosPlan } from './chaos.ts';
import { type Coverage, CoverageCount } from './coverage.ts';
import { scheduleAt } from './generate.ts';
import { canShrinkLoad } from './materialise.ts';
import type { Pool } from './pool.ts';
import { EMPTY, type Schedule } from './schedule.ts';
import { shrink } from './shrink.ts';
import { type SloTally, Tally, type Unjudged } from './tally.ts';
import { type Failure, isSameFailure, type Trial } from './trial.ts';

/** Options of {@link explore}. */
export interface ExploreOptions {
  readonly chaos: ChaosPlan;
  readonly scenario: Scenario;
  /** End of its load, in ms. */
  readonly loadEndMs: number;
  /** Decides every schedule. */
  readonly seed: number;
  /** Index of the first schedule. */
  readonly from: number;
  /** Number of schedules. */
  readonly runs: number;
  /** Real time after which no more schedules are begun, in ms. @default none */
  readonly forMs?: number | undefined;
  readonly pool: Pool;
  /** Schedules that may be under way at once. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  /** Most kinds of failures that are shrunk. @default 20 */
  readonly maxFindings?: number;
  /** Called after each run. @param now what is being done besides trying one schedule after the other; empty for nothing */
  readonly onProgress?: (exploration: () => Exploration, now: string) => void;
  readonly onFinding?: (finding: Finding) => void;
}

/** A failure, and the smallest schedule that was found to have it. */
export interface Finding {
  readonly failure: Failure;
  /** Index of the schedule in which it was first seen. */
  readonly index: number;
  readonly original: Schedule;
  readonly smallest: Schedule;
  /** Runs that shrinking took, and whether none was left to try. */
  readonly tries: number;
  readonly isMinimal: boolean;
  /** Indices of all schedules that failed so and contain these faults, this one included. */
  readonly seenAt: readonly number[];
}

/** What an exploration has found so far. Plain JSON. */
export interface Exploration {
  readonly seed: number;
  readonly from: number;
  /** Index of the first schedule that has not been judged: where to go on. */
  readonly next: number;
  readonly findings: readonly Finding[];
  /** Schedules that failed. */
  readonly failed: number;
  readonly unjudged: readonly Unjudged[];
  readonly slos: readonly SloTally[];
  readonly coverage: Coverage;
  readonly requests: number;
  readonly virtualMs: number;
  /** Processor time of all runs, those of shrinking included, in ms, and their number. */
  readonly cpuMs: number;
  readonly runs: number;
  /** Why nothing was explored: the scenario does not pass by itself. */
  readonly obstacle?: string;
  readonly interrupted: boolean;
}

/** Schedules that are tried ahead of the one that is judged next, for each process. */
const AHEAD = 8;

/**
 * Tries the schedules of a seed in order, and shrinks the first of each kind of failure. What it finds depends on its scenario, seed and
 * indices alone, since results are looked at in the order of indices, however many processes there are.
 *
 * ```
 *  scheduleAt(0), (1), (2) …  ─▶ processes ─▶ in order ─▶ fails in a new way? ─▶ shrink ─▶ finding
 * ```
 *
 * @throws SquallError for a schedule that does not fit the scenario. An interruption ends it early and is not an error.
 */
export async function explore(options: ExploreOptions): Promise<Exploration> {
  const course = new Course(options);
  try {
    await course.run();
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
  return course.result();
}

class Course {
  readonly #options: ExploreOptions;
  readonly #coverage: CoverageCount;
  readonly #findings: (Finding & { readonly seenAt: number[] })[] = [];
  readonly #tally = new Tally();
  readonly #sums = { requests: 0, virtualMs: 0, cpuMs: 0, runs: 0 };
  #next: number;
  #obstacle: string | undefined;

  constructor(options: ExploreOptions) {
    this.#options = options;
    this.#coverage = new CoverageCount(options.chaos);
    this.#next = options.from;
  }

  async run(): Promise<void> {
    const { chaos, seed, from, runs, forMs = Number.POSITIVE_INFINITY, jobs } = this.#options;
    const untilMs = systemClock.nowMs() + forMs;
    this.#tell('without random faults');
    const { failures, unjudged } = await this.#try(EMPTY, true);
    const [failure] = failures;
    this.#obstacle = failure ? `${failure.kind} "${failure.name}": ${failure.message}` : unjudged;
    if (this.#obstacle !== undefined) return;
    const ahead = new Map<number, { readonly schedule: Schedule; readonly trial: Promise<Trial> }>();
    let begun = from;
    const begin = () => {
      for (; begun < from + runs && ahead.size < jobs * AHEAD && systemClock.nowMs() < untilMs; begun += 1) {
        const schedule = scheduleAt(chaos, seed, begun);
        const trial = this.#try(schedule, false);
        // Awaited in its turn.
        trial.catch(() => {});
        ahead.set(begun, { schedule, trial });
      }
    };
    for (begin(); ahead.has(this.#next); begin()) {
      const { schedule, trial } = ahead.get(this.#next)!;
      const result = await trial;
      ahead.delete(this.#next);
      await this.#judge(this.#next, schedule, result);
      this.#coverage.add(schedule);
      this.#next += 1;
      this.#tell('');
    }
  }

  result(): Exploration {
    const { seed, from, signal } = this.#options;
    return {
      ...{ seed, from, next: this.#next, findings: this.#findings, ...this.#sums },
      ...this.#tally.result(),
      coverage: this.#coverage.result(),
      ...(this.#obstacle !== undefined && { obstacle: this.#obstacle }),
      interrupted: signal.aborted,
    };
  }

  async #try(schedule: Schedule, first: boolean): Promise<Trial> {
    const trial = await this.#options.pool.try(schedule, first);
    this.#sums.requests += trial.requests;
    this.#sums.virtualMs += trial.virtualMs;
    this.#sums.cpuMs += trial.cpuMs;
    this.#sums.runs += 1;
    return trial;
  }

  async #judge(index: number, schedule: Schedule, trial: Trial): Promise<void> {
    this.#tally.add(index, trial);
    for (const failure of trial.failures) {
      const known = this.#findings.filter(finding => explains(finding, failure, schedule));
      for (const finding of known) if (finding.seenAt.at(-1) !== index) finding.seenAt.push(index);
      const { maxFindings = 20 } = this.#options;
      if (known.length === 0 && this.#findings.length < maxFindings) await this.#find(index, schedule, failure);
    }
  }

  async #find(index: number, original: Schedule, failure: Failure): Promise<void> {
    const { chaos, scenario, loadEndMs } = this.#options;
    let smallest = original;
    let { message } = failure;
    let tries = 0;
    const stillFails = async (schedule: Schedule) => {
      tries += 1;
      this.#tell(`shrinking schedule ${index}: ${failure.name}, try ${tries}`);
      const { failures } = await this.#try(schedule, true).catch(unlessUnfit);
      const same = failures.find(other => isSameFailure(other, failure));
      if (same) [smallest, message] = [schedule, same.message];
      return same !== undefined;
    };
    const options = { chaos, stillFails, loadEndMs: canShrinkLoad(scenario) ? loadEndMs : null };
    let isMinimal = false;
    try {
      ({ isMinimal } = await shrink(original, options));
    } finally {
      // What was found is kept, also where shrinking it was interrupted.
      const finding = {
        failure: { ...failure, message },
        index,
        original,
        smallest,
        tries,
        isMinimal,
        seenAt: [index],
      };
      this.#findings.push(finding);
      this.#options.onFinding?.(finding);
    }
  }

  #tell(now: string): void {
    this.#options.onProgress?.(() => this.result(), now);
  }
}

/** A simplification that is no scenario any more, such as one without the stage that an SLO judges, does not fail. */
function unlessUnfit(error: unknown): Pick<Trial, 'failures'> {
  if (error instanceof SquallError && error.kind === 'scenario') return { failures: [] };
  throw error;
}

/** Whether a failure of a schedule is one that is known: the same SLO, invariant or crash, and with all the faults that it takes. */
function explains({ failure, smallest }: Finding, found: Failure, { faults, stack }: Schedule): boolean {
  const left = faults.map(classOf);
  const contains = smallest.faults.map(classOf).every(each => {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
  const isSet = Object.entries(smallest.stack).every(
    ([path, value]) => JSON.stringify(stack[path]) === JSON.stringify(value),
  );
  return isSameFailure(failure, found) && contains && isSet;
}

/** Kind of a fault and of its target: replicas of one service are alike. */
function classOf({ kind, on }: Schedule['faults'][number]): string {
  return `${kind} ${on.replaceAll(/-\d+/g, '')}`;
}

/** A schedule in a few words, such as `kill inference-2 at 8s; latency gateway→inference-1 at 10s for 2s`. */
export function describeSchedule({ faults, stack, load }: Schedule): string {
  const parts = [
    ...faults.map(({ kind, on, atMs, forMs }) => {
      const lasts = forMs === null ? '' : ` for ${formatDuration(forMs)}`;
      return `${kind} ${on} at ${formatDuration(atMs)}${lasts}`;
    }),
    ...Object.entries(stack).map(([path, value]) => `stack.${path}=${JSON.stringify(value)}`),
    ...(load.rate < 1 ? [`${load.rate} of the rate`] : []),
    ...(load.endMs === null ? [] : [`${formatDuration(load.endMs)} of load`]),
  ];
  return parts.join('; ') || 'no fault';
}
