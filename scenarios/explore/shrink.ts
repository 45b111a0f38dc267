import type { ChaosPlan } from './chaos.ts';
import type { Parameter, Schedule, ScheduledFault } from './schedule.ts';

/** Options of {@link shrink}. */
export interface ShrinkOptions {
  /** Whether a schedule fails as the first one does. It is called with one schedule at a time, and with none twice. */
  readonly stillFails: (schedule: Schedule) => Promise<boolean>;
  /** Most calls of `stillFails`. @default 80 */
  readonly maxTries?: number;
  /** Smallest values of parameters and durations. */
  readonly chaos: Pick<ChaosPlan, 'kinds'>;
  /** End of the load of the scenario in ms; null for a load that cannot be made smaller. */
  readonly loadEndMs: number | null;
}

/** Result of {@link shrink}. */
export interface Shrunk {
  readonly schedule: Schedule;
  readonly tries: number;
  /** False if it could perhaps be smaller, but the tries were used up. */
  readonly isMinimal: boolean;
}

/** Simplifications of a schedule, the most ambitious first. */
type Step = (schedule: Schedule, options: ShrinkOptions) => Schedule[];

/** Shortest duration of a fault and of a load that is tried, in ms. */
const MIN_FOR_MS = 500;
const MIN_LOAD_MS = 5000;
const MIN_RATE = 0.25;
/** Time after the last fault that a shorter load keeps, in ms. */
const LOAD_TAIL_MS = 3000;
const SECOND_MS = 1000;
/** Steps in a range of a parameter, at least; ten times as many at most. */
const MIN_STEPS = 20;

/**
 * Looks for the smallest schedule that still fails: fewer faults, the scenario's own options, shorter and weaker faults, less load, and
 * times in whole seconds. Each step is taken as often as it succeeds, and all of them again until none does (delta debugging: the result
 * is minimal in that no single simplification of it still fails).
 *
 * ```
 * faults ─▶ options ─▶ durations ─▶ parameters ─▶ load ─▶ times ─┐
 *   ▲                                                            │ as long as something became smaller
 *   └────────────────────────────────────────────────────────────┘
 * ```
 */
export async function shrink(schedule: Schedule, options: ShrinkOptions): Promise<Shrunk> {
  const { stillFails, maxTries = 80 } = options;
  const tried = new Set([JSON.stringify(schedule)]);
  let best = schedule;
  let tries = 0;
  /** The first of some simplifications that still fails, if there is one. */
  const improve = async (step: Step): Promise<boolean> => {
    for (const candidate of step(best, options)) {
      const key = JSON.stringify(candidate);
      if (tried.has(key)) continue;
      if (tries >= maxTries) return false;
      tried.add(key);
      tries += 1;
      if (!(await stillFails(candidate))) continue;
      best = candidate;
      return true;
    }
    return false;
  };
  for (let again = true; again; ) {
    again = false;
    for (const step of STEPS) while (await improve(step)) again = true;
  }
  return { schedule: best, tries, isMinimal: tries < maxTries };
}

/** Halves of the faults, then quarters, and so on down to all but one. */
const fewerFaults: Step = schedule => {
  const { faults } = schedule;
  const candidates: Schedule[] = [];
  for (let size = Math.ceil(faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    const chunks = Array.from({ length: Math.ceil(faults.length / size) }, (_, nth) => nth * size);
    const isIn = (nth: number, from: number) => nth >= from && nth < from + size;
    for (const from of chunks) candidates.push({ ...schedule, faults: faults.filter((_, nth) => isIn(nth, from)) });
    for (const from of chunks) candidates.push({ ...schedule, faults: faults.filter((_, nth) => !isIn(nth, from)) });
  }
  // Of candidates that repeat, the first counts.
  return candidates.filter(candidate => candidate.faults.length < faults.length);
};

const ownOptions: Step = schedule => {
  const paths = Object.keys(schedule.stack);
  const without = paths.map(path => Object.fromEntries(Object.entries(schedule.stack).filter(([key]) => key !== path)));
  return paths.length === 0 ? [] : [{}, ...without].map(stack => ({ ...schedule, stack }));
};

const shorterFaults: Step = schedule =>
  eachFault(schedule, ({ forMs }) => {
    if (forMs === null) return [];
    return smaller(forMs, MIN_FOR_MS, SECOND_MS / 2).map(shorter => ({ forMs: shorter }));
  });

const weakerFaults: Step = (schedule, { chaos }) =>
  eachFault(schedule, ({ kind, parameters }) =>
    Object.entries(parameters).flatMap(([key, value]) => {
      const choices = chaos.kinds.filter(known => known.kind === kind).map(known => known.parameters[key]);
      return choices
        .flatMap(choice => weaker(value, choice))
        .map(less => ({ parameters: { ...parameters, [key]: less } }));
    }),
  );

const lessLoad: Step = (schedule, { loadEndMs }) => {
  if (loadEndMs === null) return [];
  const { load, faults } = schedule;
  const endMs = load.endMs ?? loadEndMs;
  const ends = faults.map(({ atMs, forMs }) => atMs + (forMs ?? 0) + LOAD_TAIL_MS);
  const leastMs = Math.max(MIN_LOAD_MS, ...ends);
  const shorter = smaller(endMs, Math.ceil(leastMs / SECOND_MS) * SECOND_MS, SECOND_MS);
  const rates = load.rate / 2 >= MIN_RATE ? [load.rate / 2] : [];
  return [...shorter.map(endMs => ({ ...load, endMs })), ...rates.map(rate => ({ ...load, rate }))].map(load => ({
    ...schedule,
    load,
  }));
};

const roundTimes: Step = schedule =>
  eachFault(schedule, ({ atMs }) => {
    if (atMs % SECOND_MS === 0) return [];
    const second = Math.floor(atMs / SECOND_MS);
    return [second, second + 1].filter(at => at > 0).map(at => ({ atMs: at * SECOND_MS }));
  });

const STEPS: readonly Step[] = [fewerFaults, ownOptions, shorterFaults, weakerFaults, lessLoad, roundTimes];

/** Schedules in which one fault differs. */
function eachFault(schedule: Schedule, changes: (fault: ScheduledFault) => Partial<ScheduledFault>[]): Schedule[] {
  return schedule.faults.flatMap((fault, nth) =>
    changes(fault).map(change => ({ ...schedule, faults: schedule.faults.with(nth, { ...fault, ...change }) })),
  );
}

/** Smaller values on a grid, down to `least`: the least, then half-way there, then a quarter of the way, and so on to one step less. */
function smaller(value: number, least: number, grid: number): number[] {
  const candidates: number[] = [];
  for (let step = value - least; step >= grid / 2; step /= 2) {
    const candidate = Number((Math.ceil((value - step) / grid) * grid).toFixed(3));
    candidates.push(Math.max(least, candidate < value ? candidate : candidate - grid));
  }
  return [...new Set(candidates)].filter(candidate => candidate < value);
}

/** Values of a choice before `value`: in a range those nearer to its first end, in a list those before it. */
function weaker(value: Parameter, choice: unknown): Parameter[] {
  if (Array.isArray(choice)) return choice.slice(0, Math.max(0, choice.indexOf(value)));
  if (typeof choice !== 'object' || choice === null || typeof value !== 'number') return [];
  const { from, to } = choice as { readonly from: number; readonly to: number };
  const isWhole = Number.isInteger(from) && Number.isInteger(to);
  const grid = 10 ** Math.floor(Math.log10((to - from) / MIN_STEPS));
  return smaller(value, from, isWhole ? Math.max(1, grid) : grid);
}
