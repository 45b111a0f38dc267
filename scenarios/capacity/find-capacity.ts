import type { CapacityDocument, CapacityStep, StepFigures, Stop } from '../../reports/store/capacity-document.ts';
import type { Scenario } from '../scenario.ts';
import { answerOf, dailyPlanOf, kneeOf, reasonsOf, type Volume } from './answer.ts';
import { type Found, LEVEL, search } from './search.ts';
import { blindRatio, type StepChanges, type StepRecipe, stepAt } from './step-changes.ts';

/** A step that ended. */
export interface RanStep {
  readonly figures: StepFigures;
  readonly replay: string;
  readonly run?: string;
}

/** Options of {@link findCapacity}. */
export interface CapacityOptions
  extends Pick<
    CapacityDocument,
    'id' | 'scenario' | 'platform' | 'seed' | 'startedAt' | 'replay' | 'replicas' | 'prices'
  > {
  readonly target?: string | undefined;
  readonly written: Scenario;
  readonly recipe: StepRecipe;
  readonly volume: Volume;
  readonly start: number;
  readonly max: number;
  readonly precision: number;
  readonly maxSteps: number;
  readonly atOnce: number;
  readonly signal: AbortSignal;
  /** Time since the search began, in ms, and when it must end. */
  readonly nowMs: () => number;
  readonly budgetMs: number;
  readonly run: (changes: StepChanges, seed: number) => Promise<RanStep>;
  readonly onStep?: (step: CapacityStep) => void;
}

/** Ratios of the edge that are tried once it is found, for the curve: the search itself has been elsewhere. */
const CURVE = [0.9, 0.75, 0.5, 0.25];
/** Distance of a value from one that was tried, below which it need not be. */
const NEAR_RATIO = 0.1;

/**
 * Searches the capacity of a scenario, each step a run of it at one constant load.
 * @returns as far as it got, also on abort
 * @throws the first error of a run
 */
export async function findCapacity(options: CapacityOptions): Promise<CapacityDocument> {
  const { recipe, written, signal, nowMs, budgetMs } = options;
  const { find } = recipe;
  const steps: CapacityStep[] = [];
  let longestMs = 0;
  const step = async (value: number, index: number): Promise<StepFigures> => {
    const seed = (options.seed + index) % 2 ** 32;
    const beganMs = nowMs();
    const { figures, ...ran } = await options.run(stepAt(recipe, value, written), seed);
    longestMs = Math.max(longestMs, nowMs() - beganMs);
    const ended = { ...figures, ...ran, index, value, seed };
    steps.push(ended);
    options.onStep?.(ended);
    return figures;
  };
  const hasTime = () => !signal.aborted && nowMs() + longestMs <= budgetMs;
  const isWhole = find !== 'rate';
  const unless =
    <T>(fallback: T) =>
    (error: unknown): T => {
      if (!signal.aborted) throw error;
      return fallback;
    };
  const side = find === 'replicas' ? ('above' as const) : ('below' as const);
  const limits = { start: options.start, min: isWhole ? 1 : 0.01, max: options.max, side, isWhole };
  const { precision, maxSteps, atOnce } = options;
  const none: Found = { edge: null, stop: 'budget', bestMet: null, bestMissed: null, bound: null };
  const found = await search({ ...limits, precision, maxSteps, atOnce, hasTime, step }).catch(unless(none));
  if (found.edge && find !== 'replicas') {
    const { edge } = found;
    for (const ratio of CURVE) {
      const value = isWhole ? Math.round(ratio * edge.value) : Number((ratio * edge.value).toPrecision(3));
      const isTried = steps.some(one => Math.abs(one.value / value - 1) < NEAR_RATIO);
      if (value >= limits.min && !isTried && hasTime()) await step(value, steps.length).catch(unless(undefined));
    }
  }
  const sorted = steps.sort((a, b) => a.index - b.index);
  const edge = signal.aborted && !found.edge ? null : found.edge;
  const stop: Stop = signal.aborted ? 'interrupted' : found.stop;
  const { id, scenario, platform, target, seed, startedAt, replay, replicas, prices, volume } = options;
  const result = {
    schema: 1 as const,
    ...{ id, scenario, platform, ...(target !== undefined && { target }), find, seed, startedAt },
    wallMs: Math.round(nowMs()),
    stop,
    edge: edge && { value: edge.value, lower: edge.lower, upper: edge.upper },
    level: LEVEL,
    ...{ bestMet: found.bestMet, bestMissed: found.bestMissed, bound: found.bound },
    limitedBy: edge?.limitedBy ?? null,
    knee: kneeOf(find, sorted),
    perSecond: find === 'replicas' ? recipe.perSecond : null,
    notes: recipe.notes,
    blind: blindRatio(recipe),
    ...{ replicas, prices, steps: sorted, replay },
  };
  return {
    ...result,
    answer: answerOf(result),
    reasons: reasonsOf(result, precision),
    daily: dailyPlanOf(result, volume),
  };
}
