import type { RunPlan } from '../../../harness/plan.ts';
import { formatMs } from '../../../harness/quantity.ts';
import { type Random, seededRandom } from '../../../harness/random.ts';
import { rounded } from '../../rounding.ts';
import type { RunDocument } from '../../store/run-document.ts';
import {
  COSTS,
  type Difference,
  type Estimate,
  FIGURES,
  type FigureName,
  type VariantResult,
  type VariantRun,
  type VariantsDocument,
} from '../../store/variants-document.ts';
import { deadlinesOf } from './figures.ts';
import { dominators, type Point } from './frontier.ts';
import { meanInterval } from './mean-interval.ts';

/** A variant as the scenario declares it. */
export interface Variant {
  readonly name: string;
  /** Overrides by path. */
  readonly set: Readonly<Record<string, unknown>>;
  readonly expect: 'pass' | 'fail';
}

/** Input of {@link compareVariants}. */
export interface Comparison extends Pick<VariantsDocument, 'id' | 'replay' | 'startedAt' | 'machine' | 'versions'> {
  /** Plan of the first variant, for what all have in common. */
  readonly plan: RunPlan;
  readonly seeds: readonly number[];
  readonly interrupted: boolean;
  readonly variants: readonly Variant[];
  /** In any order. */
  readonly runs: readonly VariantRun[];
}

const BY_SEVERITY: readonly RunDocument['exitCode'][] = [130, 4, 1, 2, 0];

/**
 * Compares variants over their seeds: a pure function, so that the same runs give the same document. A variant is on the frontier if no other
 * both costs less (dollars per 1,000 requests where every variant has prices, else replica-hours) and is faster (P99), and if its P99 is finite; one with a run that is invalid, crashed or missing is not
 * compared.
 */
export function compareVariants({ plan, variants, runs, interrupted, ...context }: Comparison): VariantsDocument {
  const { seeds } = context;
  const random = seededRandom(0);
  const ordered = variants.flatMap(({ name }) =>
    seeds.flatMap(seed => runs.find(run => run.variant === name && run.seed === seed) ?? []),
  );
  const runsOf = (name: string) => ordered.filter(({ variant }) => variant === name);
  const latency = plan.load.workload.kind === 'http' ? 'latencyP99' : 'ttftP99';
  const begun = variants.map(({ name }) => runsOf(name)).filter(own => own.length > 0);
  const hasPrices = begun.length > 0 && begun.every(own => own.some(({ figures }) => figures.per1000Requests !== null));
  const cost = hasPrices ? 'per1000Requests' : 'replicaHours';
  const comparable = variants.filter(
    ({ name }) =>
      runsOf(name).length === seeds.length && runsOf(name).every(run => run.verdict !== 'invalid' && run.exitCode < 4),
  );
  const points = comparable.flatMap(({ name }) => pointOf(name, runsOf(name), cost, latency));
  const isServing = (own: readonly VariantRun[]) => own.every(({ figures }) => figures[latency] !== null);
  const above = dominators(points);
  const first = variants[0]!.name;
  const results = variants.map((variant): VariantResult => {
    const own = runsOf(variant.name);
    const dominating = above.get(variant.name)?.map(name => ({
      name,
      evidence: isBetter(runsOf(name), own, [cost, latency], random.stream(`${name} ${variant.name}`)),
    }));
    const by = dominating?.find(({ evidence }) => evidence) ?? dominating?.[0];
    return {
      ...variant,
      exitCode: exitCodeOf(variant, own, seeds.length),
      figures: each(figure => estimate(own, figure, random.stream(`${figure} ${variant.name}`))),
      ...(variant.name !== first && {
        differences: each(figure =>
          difference(runsOf(first), own, figure, random.stream(`${figure} to ${variant.name}`)),
        ),
      }),
      onFrontier: dominating === undefined ? null : by === undefined && isServing(own),
      ...(by && { dominatedBy: by }),
    };
  });
  return {
    schema: 1,
    ...context,
    scenario: plan.scenario,
    why: plan.why,
    platform: plan.platform,
    interrupted,
    exitCode: interrupted ? 130 : worst(results.map(({ exitCode }) => exitCode)),
    deadlines: deadlinesText(plan),
    cost,
    latency,
    variants: results,
    runs: ordered,
  };
}

/** `completed, with TTFT within 2 s`. */
function deadlinesText(plan: RunPlan): string {
  const limits = deadlinesOf(plan).map(
    ({ metric, limitMs }) => `${metric === 'ttft' ? 'TTFT' : 'latency'} within ${formatMs(limitMs)}`,
  );
  return limits.length === 0 ? 'completed' : `completed, with ${limits.join(' and ')}`;
}

function worst(codes: readonly RunDocument['exitCode'][]): RunDocument['exitCode'] {
  return BY_SEVERITY.find(code => codes.includes(code)) ?? 2;
}

function exitCodeOf({ expect }: Variant, runs: readonly VariantRun[], seeds: number): RunDocument['exitCode'] {
  // What did not run does not decide anything.
  const code = worst([...runs.map(({ exitCode }) => exitCode), ...(runs.length < seeds ? [2 as const] : [])]);
  if (expect === 'pass' || code > 1) return code;
  return code === 1 ? 0 : 1;
}

function each<Value>(of: (figure: FigureName) => Value): Readonly<Record<FigureName, Value>> {
  return Object.fromEntries(FIGURES.map(figure => [figure, of(figure)])) as Record<FigureName, Value>;
}

/** Point of the frontier; none where a run has no cost. A P99 beyond every value in one run is so on average. */
function pointOf(name: string, runs: readonly VariantRun[], cost: FigureName, latency: FigureName): Point[] {
  const costs = runs.flatMap(({ figures }) => figures[cost] ?? []);
  if (costs.length < runs.length) return [];
  return [{ name, cost: mean(costs), latency: mean(runs.map(({ figures }) => figures[latency] ?? Infinity)) }];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Largest sensible value of a figure; all are at least 0. */
const LIMITS: Partial<Record<FigureName, number>> = { withinSlo: 100, errors: 100 };

function estimate(runs: readonly VariantRun[], figure: FigureName, random: Random): Estimate | null {
  const values = runs.map(({ figures }) => figures[figure]);
  if (values.length === 0 || values.includes(null)) return null;
  const found = meanInterval(values as number[], random);
  const { lower, upper } = found;
  if (lower === null && upper === null) return short(found);
  const limit = LIMITS[figure];
  return short({
    ...found,
    lower: Math.max(0, lower ?? 0),
    upper: limit === undefined ? upper : Math.min(limit, upper ?? limit),
  });
}

/** Differences of the second to the first, by seed; those of a cost in percent of it. */
function difference(
  base: readonly VariantRun[],
  runs: readonly VariantRun[],
  figure: FigureName,
  random: Random,
): Difference | null {
  const pairs = runs.flatMap(run => {
    const other = base.find(({ seed }) => seed === run.seed);
    return other ? [[other.figures[figure], run.figures[figure]] as const] : [];
  });
  if (pairs.length === 0 || pairs.some(pair => pair.includes(null))) return null;
  const isCost = (COSTS as readonly FigureName[]).includes(figure);
  if (isCost && pairs.some(([before]) => before === 0)) return null;
  const found = meanInterval(
    pairs.map(([before, after]) => (isCost ? 100 * (after! / before! - 1) : after! - before!)),
    random,
  );
  const { lower, upper } = found;
  const evidence = lower !== null && lower > 0 ? 'higher' : upper !== null && upper < 0 ? 'lower' : 'none';
  return { ...short(found), evidence };
}

function short(estimate: Estimate): Estimate {
  const { mean, lower, upper, samples } = estimate;
  return { mean: rounded(mean, 6), lower: rounded(lower, 6), upper: rounded(upper, 6), samples };
}

/** Whether the seeds show that a variant that dominates another is better in one respect, and worse in none. */
function isBetter(
  better: readonly VariantRun[],
  worse: readonly VariantRun[],
  figures: readonly FigureName[],
  random: Random,
): boolean {
  const found = figures.map(figure => difference(worse, better, figure, random.stream(figure))?.evidence);
  return found.includes('lower') && !found.includes('higher');
}
