import type { RunEnvironment } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import { compareVariants } from '../../reports/judge/variants/compare.ts';
import { meanInterval } from '../../reports/judge/variants/mean-interval.ts';
import { rounded } from '../../reports/rounding.ts';
import type { TuneEvidence, TuneSide } from '../../reports/store/tune-document.ts';
import type { Difference, Estimate } from '../../reports/store/variants-document.ts';
import type { TuneRun } from './run-once.ts';

/** The runs of two configurations under one scenario, those with the same seed side by side. */
export interface Pairs {
  readonly plan: RunPlan;
  readonly phase: TuneEvidence['phase'];
  readonly runs: readonly { readonly own: TuneRun; readonly tuned: TuneRun | null }[];
}

/** What a comparison says of where it was made. */
export interface EvidenceContext extends RunEnvironment {
  /** Names of the two files. */
  readonly files: { readonly own: string; readonly tuned: string };
  readonly replay: string;
  readonly interrupted: boolean;
}

/** Compares the user's own file with the tuned one under one scenario. */
export function evidenceOf({ plan, phase, runs }: Pairs, context: EvidenceContext): TuneEvidence {
  const { files, ...rest } = context;
  const sides = { own: runs.map(({ own }) => own), tuned: runs.flatMap(({ tuned }) => tuned ?? []) };
  const names = sides.tuned.length > 0 ? (['own', 'tuned'] as const) : (['own'] as const);
  const comparison = compareVariants({
    ...{ ...rest, plan, seeds: sides.own.map(({ seed }) => seed) },
    variants: names.map(name => ({ name, set: { 'stack.autoscaler.hpa': files[name] }, expect: 'pass' })),
    runs: names.flatMap(name => sides[name].map(({ dollars: _, ...run }) => ({ ...run, variant: name }))),
  });
  const inDollars = [...sides.own, ...sides.tuned].every(({ dollars }) => dollars !== null);
  const cost = (run: TuneRun) => (inDollars ? run.dollars : run.figures.replicaHours);
  return {
    ...{ scenario: plan.scenario, phase, costUnit: inDollars ? '$' : 'replica-hours' },
    own: sideOf(sides.own, cost),
    tuned: sides.tuned.length > 0 ? sideOf(sides.tuned, cost) : null,
    difference: savingOf([{ plan, phase, runs }]),
    comparison,
  };
}

/** Difference of the cost over all pairs, in percent of the user's own; null without pairs, or where a run has no cost. */
export function savingOf(all: readonly Pairs[]): Difference | null {
  const values = all.flatMap(({ runs }) =>
    runs.map(({ own, tuned }) => {
      const [before, after] = [costOfRun(own), tuned && costOfRun(tuned)];
      return before && after !== null ? 100 * (after / before - 1) : Number.NaN;
    }),
  );
  if (values.length === 0 || values.some(Number.isNaN)) return null;
  const { mean, lower, upper, samples } = meanInterval(values, seededRandom(0).stream('saving'));
  const evidence = lower !== null && lower > 0 ? 'higher' : upper !== null && upper < 0 ? 'lower' : 'none';
  return { mean: rounded(mean, 6), lower: rounded(lower, 6), upper: rounded(upper, 6), samples, evidence };
}

/** Cost of a run: in dollars where there are prices, otherwise in replica-hours. */
export function costOfRun({ dollars, figures }: TuneRun): number | null {
  return dollars ?? figures.replicaHours;
}

function sideOf(runs: readonly TuneRun[], cost: (run: TuneRun) => number | null): TuneSide {
  const costs = runs.map(cost);
  return {
    met: runs.filter(({ verdict }) => verdict === 'pass').length,
    runs: runs.length,
    cost: costs.length === 0 || costs.includes(null) ? null : estimateOf(costs as number[]),
  };
}

function estimateOf(values: readonly number[]): Estimate {
  const { mean, lower, upper, samples } = meanInterval(values, seededRandom(0).stream('cost'));
  return { mean: rounded(mean, 6), lower: rounded(lower && Math.max(0, lower), 6), upper: rounded(upper, 6), samples };
}
