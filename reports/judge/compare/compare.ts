import type { RunPlan } from '../../../harness/plan.ts';
import { seededRandom } from '../../../harness/random.ts';
import { rounded } from '../../rounding.ts';
import type {
  Change,
  ChangedSetting,
  CompareDocument,
  ComparedIndicator,
  ComparedSide,
} from '../../store/compare-document.ts';
import type { RunDocument } from '../../store/run-document.ts';
import type { RunFacts } from '../check.ts';
import { LEVEL, ratioBounds } from '../statistics.ts';
import { blocksOf } from './blocks.ts';
import {
  differenceOf,
  type Resampled,
  resampleBlocks,
  resampleRuns,
  type SimultaneousInterval,
  simultaneousIntervals,
} from './bootstrap.ts';
import { type Indicator, indicatorsOf, keyOf } from './indicators.ts';
import { planChanges } from './plan-changes.ts';
import { figureOf, type Sampled, type Side, sideOf, supportOf } from './sampled.ts';

/** Judged run and its facts. */
export interface ComparableRun {
  readonly document: RunDocument;
  readonly facts: RunFacts;
}

/** Differences that do not count, see {@link CompareDocument.tolerance}. */
export type Tolerance = CompareDocument['tolerance'];

/** From as many runs a side, the spread from run to run is known. */
export const MIN_RUNS = 4;
/** Requests beyond a quantile that its interval takes, on each side. */
const MIN_BEYOND = 10;
/** Blocks that a figure rests on, less one, below which its spread is a guess. */
const MIN_FREEDOM = 3;
/** Arrivals of the same schedule differ by what clocks round. */
const SAME_ARRIVAL_MS = 1;

/** What does not count by default: real machines differ from run to run, virtual time does not. */
export function defaultTolerance({ platform }: Pick<RunPlan, 'platform'>): Tolerance {
  return platform === 'virtual' ? { latencyRatio: 0, points: 0 } : { latencyRatio: 0.05, points: 0.5 };
}

/**
 * Compares a candidate with a base, one or more runs of the same scenario each. A pure function: the same runs give the same document.
 *
 * ```
 *  candidate − base      0   tolerance
 *                        ┆   ┊ ├──────┤   regression
 *                     ├──┆─┤ ┊            equal
 *                       ├┆───┊──┤         no evidence
 *     ├───────┤          ┆   ┊            improvement (below −tolerance)
 * ```
 *
 * @param base at least one run; so of `candidate`
 */
export function compareRuns(
  base: readonly ComparableRun[],
  candidate: readonly ComparableRun[],
  tolerance: Tolerance = defaultTolerance(base[0]!.facts.plan),
): CompareDocument {
  const [{ facts: first }] = base as [ComparableRun];
  const settings = changesOf(base, candidate);
  const common = {
    schema: 1 as const,
    scenario: first.plan.scenario,
    platform: first.plan.platform,
    base: described(base),
    candidate: described(candidate),
    ...settings,
    tolerance,
  };
  const nothing = { ...common, unit: null, paired: false, indicators: [] };
  if (settings.incomparable.length > 0) return { ...nothing, verdict: 'incomparable', notes: [] };
  const notes = unusable([...base, ...candidate]);
  if (notes.length > 0) return { ...nothing, verdict: 'invalid', notes };

  const indicators = sharedIndicators(base, candidate);
  const facts = [base, candidate].map(runs => runs.map(run => run.facts));
  const cut = blocksOf(facts.flat());
  const sides = [sideOf(facts[0]!, cut, indicators), sideOf(facts[1]!, cut.slice(base.length), indicators)] as const;
  const ofRuns = base.length >= MIN_RUNS && candidate.length >= MIN_RUNS;
  const paired = ofRuns ? hasSameSeeds(base, candidate) : hasSameArrivals(...sides);
  const intervals = ofRuns ? betweenRuns(sides, indicators, paired) : betweenBlocks(sides, indicators, paired);
  const rows = indicators.map((indicator, index) =>
    compared(indicator, sides.map(({ pooled }) => pooled[index]!) as [Sampled, Sampled], intervals[index]!, tolerance),
  );
  return {
    ...common,
    unit: ofRuns ? 'runs' : 'blocks',
    paired,
    indicators: rows,
    verdict: verdictOf(rows),
    notes: notesOn(base, candidate, rows, ofRuns),
  };
}

function changesOf(base: readonly ComparableRun[], candidate: readonly ComparableRun[]) {
  const [{ facts }] = base as [ComparableRun];
  const changes = [...base, ...candidate].map(run => planChanges(facts.plan, run.facts.plan));
  // Within a side nothing but the seed may differ.
  const own = changes.slice(0, base.length).flatMap(({ measurement, measured }) => [...measurement, ...measured]);
  const [first, ...others] = candidate as [ComparableRun, ...ComparableRun[]];
  const theirs = others.flatMap(run => planChanges(first.facts.plan, run.facts.plan).measured);
  return {
    incomparable: unique([...own, ...theirs, ...changes.slice(base.length).flatMap(({ measurement }) => measurement)]),
    changed: changes[base.length]!.measured,
  };
}

function unique(changes: readonly ChangedSetting[]): ChangedSetting[] {
  return [...new Map(changes.map(change => [change.path, change])).values()];
}

function described(runs: readonly ComparableRun[]): ComparedSide {
  const documents = runs.map(({ document }) => document);
  const [first] = documents.toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1)) as [RunDocument];
  return {
    runs: documents.map(({ id, seed, verdict }) => ({ id, seed, verdict })),
    startedAt: first.startedAt,
    versions: first.versions,
    machine: first.machine,
    ...(first.revision && { revision: first.revision }),
  };
}

/** Why runs tell nothing about the system: an invalid one, or one that did not come to its end. */
function unusable(runs: readonly ComparableRun[]): string[] {
  return runs.flatMap(({ document: { id, verdict, interrupted, exitCode, reasons } }) => {
    if (verdict === 'invalid' || exitCode === 4) return [`${id} is invalid: ${reasons[0] ?? 'it crashed.'}`];
    return interrupted ? [`${id} was interrupted.`] : [];
  });
}

function sharedIndicators(base: readonly ComparableRun[], candidate: readonly ComparableRun[]): Indicator[] {
  const theirs = new Set(indicatorsOf(candidate[0]!.facts.plan).map(keyOf));
  return indicatorsOf(base[0]!.facts.plan).filter(indicator => theirs.has(keyOf(indicator)));
}

function hasSameSeeds(base: readonly ComparableRun[], candidate: readonly ComparableRun[]): boolean {
  const seeds = (runs: readonly ComparableRun[]) => runs.map(({ document }) => document.seed).join();
  return seeds(base) === seeds(candidate);
}

/** Whether both sides can draw the same blocks: the same arrivals, in blocks of the same numbers. */
function hasSameArrivals(base: Side, candidate: Side): boolean {
  if (base.phases.join() !== candidate.phases.join()) return false;
  if (base.arrivalsMs.length !== candidate.arrivalsMs.length) return false;
  return base.arrivalsMs.every((ms, index) => Math.abs(ms - candidate.arrivalsMs[index]!) <= SAME_ARRIVAL_MS);
}

function betweenBlocks([base, candidate]: readonly [Side, Side], indicators: readonly Indicator[], paired: boolean) {
  const quantiles = indicators.map(({ q }) => q);
  const resampled = resampleBlocks(base, candidate, quantiles, paired, seededRandom(0));
  const few = (side: Side, index: number, q: number) => side.pooled[index]!.values.length * (1 - q) < MIN_BEYOND;
  const usable = resampled.map((one, index) => {
    const q = quantiles[index]!;
    return q !== null && [base, candidate].some(side => few(side, index, q)) ? null : one;
  });
  const freedoms = quantiles.map((q, index) => {
    const supports = [base, candidate].map(side => supportOf(side.pooled[index]!, q)).filter(support => support > 0);
    return supports.length === 0 ? 0 : Math.min(...supports) - 1;
  });
  // Equal draws of the same arrivals are no accident.
  const isSame = (one: Resampled | null) => paired && one?.value === 0 && one.error === 0;
  const intervals = simultaneousIntervals(
    usable.map((one, index) => (isSame(one) || freedoms[index]! >= MIN_FREEDOM ? one : null)),
    freedoms.map(freedom => Math.max(1, freedom)),
  );
  return intervals.map((interval, index) => {
    if (interval || quantiles[index] !== null) return interval;
    return exactInterval(base.pooled[index]!, candidate.pooled[index]!, indicators.length);
  });
}

function betweenRuns([base, candidate]: readonly [Side, Side], indicators: readonly Indicator[], paired: boolean) {
  const figures = (side: Side) =>
    indicators.map(({ q }, index) => {
      const values = side.ofRuns.map(sampled => figureOf(sampled[index]!, q));
      const found = values.flatMap(value =>
        value !== null && Number.isFinite(value) ? [q === null ? value : Math.log(value)] : [],
      );
      return found.length === values.length && found.every(Number.isFinite) ? found : null;
    });
  const resampled = resampleRuns(figures(base), figures(candidate), paired, seededRandom(0));
  // These draws are studentised already.
  return simultaneousIntervals(
    resampled,
    resampled.map(() => Number.POSITIVE_INFINITY),
  );
}

function compared(
  { name, window, class: of, q }: Indicator,
  [base, candidate]: readonly [Sampled, Sampled],
  interval: SimultaneousInterval | null,
  tolerance: Tolerance,
): ComparedIndicator {
  const figures = [figureOf(base, q), figureOf(candidate, q)] as const;
  const value = differenceOf(...figures, q);
  const shown = (figure: number | null) =>
    figure === null || !Number.isFinite(figure) ? null : rounded(q === null ? 100 * figure : figure);
  const infinite = (['base', 'candidate'] as const).filter((_, index) => figures[index] === Number.POSITIVE_INFINITY);
  const row = {
    name,
    window,
    ...(of !== undefined && { class: of }),
    unit: q === null ? ('%' as const) : ('ms' as const),
    base: shown(figures[0]),
    candidate: shown(figures[1]),
    ...(infinite.length > 0 && { infinite }),
  };
  if (!interval || value === null) return { ...row, difference: null, detectable: null, change: 'not-compared' };
  const { lower, upper, detectable } = interval;
  const within = q === null ? tolerance.points / 100 : Math.log1p(tolerance.latencyRatio);
  // Of a logarithm, percent.
  const percent = (bound: number) => rounded(100 * (q === null ? bound : Math.expm1(bound)));
  return {
    ...row,
    difference: { value: percent(value), lower: percent(lower), upper: percent(upper) },
    detectable: detectable === null ? null : percent(detectable + within),
    change: changeOf(lower, upper, within),
  };
}

/**
 * Interval of a difference of shares by the exact bounds of both sides (Clopper–Pearson), for shares of which draws say little since few
 * blocks have a one. Ones of the same block depend on each other: they count as many as the blocks that they are in, see {@link supportOf}.
 * @param count of all indicators, which share the level
 */
function exactInterval(base: Sampled, candidate: Sampled, count: number): SimultaneousInterval | null {
  if (base.values.length === 0 || candidate.values.length === 0) return null;
  const level = 1 - (1 - LEVEL) / (2 * count);
  const boundsOf = (sampled: Sampled) => {
    const share = figureOf(sampled, null)!;
    const hits = Math.round(supportOf(sampled, null));
    const all = hits === 0 ? sampled.values.length : Math.round(hits / share);
    return ratioBounds(hits, all, level);
  };
  const [one, other] = [boundsOf(base), boundsOf(candidate)];
  return { lower: other.lower - one.upper, upper: other.upper - one.lower, detectable: null };
}

function changeOf(lower: number, upper: number, within: number): Change {
  if (lower > within) return 'regression';
  if (upper < -within) return 'improvement';
  return lower >= -within && upper <= within ? 'equal' : 'no-evidence';
}

function verdictOf(rows: readonly ComparedIndicator[]): CompareDocument['verdict'] {
  const changes = new Set(rows.map(({ change }) => change));
  if (changes.has('regression')) return 'regression';
  if (changes.has('improvement')) return 'improvement';
  return changes.size === 1 && changes.has('equal') ? 'equal' : 'no-evidence';
}

function notesOn(
  base: readonly ComparableRun[],
  candidate: readonly ComparableRun[],
  rows: readonly ComparedIndicator[],
  ofRuns: boolean,
): string[] {
  const absent = rows
    .filter(({ change }) => change === 'not-compared')
    .map(({ name, window }) => `${name} in ${window}`);
  const isVirtual = base[0]!.facts.plan.platform === 'virtual';
  const [one, other] = [base, candidate].map(runs => JSON.stringify(runs[0]!.document.machine));
  return [
    ...(absent.length > 0
      ? [
          `Not compared: ${absent.join(', ')}. It takes a finite figure on both sides, and ${MIN_BEYOND} requests beyond a quantile (P99 of ${MIN_BEYOND * 100}) in more than ${MIN_FREEDOM} parts of the load.`,
        ]
      : []),
    ...(ofRuns || isVirtual
      ? []
      : [
          `These intervals know how requests vary within a run, not how runs vary on this machine: ${MIN_RUNS} runs a side or more show that.`,
        ]),
    ...(one === other || isVirtual ? [] : ['The two sides ran on different machines.']),
  ];
}
