import type { RunDocument, SloResult, Verdict } from './run-document.ts';

/** Names of the figures that variants are compared by, in the order of tables. */
export const FIGURES = [
  'withinSlo',
  'ttftP99',
  'latencyP99',
  'errors',
  'replicaHours',
  'per1000Requests',
  'perMillionTokens',
  'oscillations',
] as const;
/** One of {@link FIGURES}. */
export type FigureName = (typeof FIGURES)[number];

/** Mean over the seeds with its two-sided 95 % interval; bounds are null where the seeds are too few for one. */
export interface Estimate {
  readonly mean: number;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Seeds. */
  readonly samples: number;
}

/** Figures that are costs: replica-hours, and dollars where prices are known. */
export const COSTS = ['replicaHours', 'per1000Requests', 'perMillionTokens'] as const satisfies readonly FigureName[];

/** Mean of the differences by seed to the first variant, in the unit of the figure; those of {@link COSTS} in percent of the first's. */
export interface Difference extends Estimate {
  /** `none` where the interval includes 0, or where there is none. */
  readonly evidence: 'higher' | 'lower' | 'none';
}

/** Run of a variant with a seed, as far as it got. */
export interface VariantRun {
  readonly variant: string;
  readonly seed: number;
  /** Folder of the run, relative to that of the comparison; absent where none was left. */
  readonly directory?: string;
  readonly verdict: Verdict;
  readonly exitCode: RunDocument['exitCode'];
  readonly reasons: readonly string[];
  /** What kept its autoscaler from decisions; absent if nothing did. */
  readonly warnings?: readonly string[];
  readonly slos: readonly Pick<SloResult, 'name' | 'window' | 'objective' | 'verdict' | 'measured' | 'unit'>[];
  readonly figures: Readonly<Record<FigureName, number | null>>;
}

/** Variant over all its seeds. */
export interface VariantResult {
  readonly name: string;
  /** Overrides of the scenario by path. */
  readonly set: Readonly<Record<string, unknown>>;
  readonly expect: 'pass' | 'fail';
  /** Worst of its runs; where it is expected to fail, 0 if one did and 1 if all passed. */
  readonly exitCode: RunDocument['exitCode'];
  /** Null for what its runs do not have, or where a P99 is beyond every value in one of them. */
  readonly figures: Readonly<Record<FigureName, Estimate | null>>;
  /** To the first variant, over the seeds that both have; absent for the first. */
  readonly differences?: Readonly<Record<FigureName, Difference | null>>;
  /** Whether it has a finite P99, and no other variant both costs less and is faster; null where that is unknown. */
  readonly onFrontier: boolean | null;
  /** A variant that costs less and is faster, or one of both at the same of the other, and whether the difference is beyond noise. */
  readonly dominatedBy?: { readonly name: string; readonly evidence: boolean };
}

/** `variants.json`: one scenario with several sets of overrides, under the same load and seeds. */
export interface VariantsDocument {
  readonly schema: 1;
  readonly id: string;
  readonly scenario: string;
  readonly why: string;
  readonly platform: string;
  readonly seeds: readonly number[];
  readonly exitCode: RunDocument['exitCode'];
  readonly interrupted: boolean;
  readonly replay: string;
  readonly startedAt: string;
  readonly machine: RunDocument['machine'];
  readonly versions: RunDocument['versions'];
  /** Deadlines of a request within its SLO, in words. */
  readonly deadlines: string;
  /** The cost of the frontier: dollars per 1,000 requests where every variant has them. */
  readonly cost: 'replicaHours' | 'per1000Requests';
  /** The P99 of the frontier. */
  readonly latency: 'ttftP99' | 'latencyP99';
  /** In the order of the scenario. */
  readonly variants: readonly VariantResult[];
  /** Those that ended. */
  readonly runs: readonly VariantRun[];
}
