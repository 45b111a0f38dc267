import type { Verdict } from './run-document.ts';

/** A night of a history: a suite that ran, or a single run. */
export interface TrendNight {
  /** Id of the suite, or of the run. */
  readonly id: string;
  /** Name of the suite; `runs` for a run without one. */
  readonly suite: string;
  readonly startedAt: string;
  /** Null where it is not known. */
  readonly commit: string | null;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Its own page, relative to the folder of the history; absent where its folder is not kept. */
  readonly page?: string;
}

/** An indicator on a night. */
export interface TrendPoint {
  /** Index of the night. */
  readonly night: number;
  /** Over the runs of the night that measured it, in the unit of the indicator; null where none did, or one is beyond every value. */
  readonly value: number | null;
  /** Bounds of `value`, each with 95 %; null where there is none. */
  readonly lower: number | null;
  readonly upper: number | null;
  readonly isInfinite: boolean;
  /** Verdicts of the runs on the SLO. */
  readonly verdicts: readonly Verdict[];
}

/** Something changed between two nights. */
export interface TrendChange {
  /** Index of the first night after it, and of the last before it. */
  readonly night: number;
  readonly after: number;
  readonly kind: 'worse' | 'better';
  /** Value over the nights of the part before, and of the part after. */
  readonly from: number;
  readonly to: number;
  /** What else differs between the two nights, such as `machine` or `versions`. */
  readonly alsoChanged: readonly string[];
}

/** What an SLO measured over nights, as far as these measured the same. */
export interface TrendSeries {
  readonly suite: string;
  readonly scenario: string;
  readonly platform: string;
  /** Name of the SLO, and its objective, as the newest night has them. */
  readonly slo: string;
  readonly objective: string;
  readonly window: string;
  readonly unit: string;
  readonly limit: number | null;
  /** Whether the newest night of the scenario measured it; otherwise load, faults or the SLO are others since. */
  readonly isCurrent: boolean;
  readonly points: readonly TrendPoint[];
  /** Ascending. */
  readonly changes: readonly TrendChange[];
  /** Why no change was looked for; absent where it was. */
  readonly untested?: string;
}

/** Runs of a scenario over nights. */
export interface TrendScenario {
  readonly suite: string;
  readonly scenario: string;
  readonly platform: string;
  readonly nights: readonly { readonly night: number; readonly verdicts: readonly Verdict[] }[];
  /** Of the runs that passed or failed. */
  readonly failed: number;
  readonly decided: number;
  /** Bounds of the ratio that fails (0–1), each with 95 %. */
  readonly lower: number;
  readonly upper: number;
  /** Nights on which some runs passed and some failed. */
  readonly mixed: number;
  /** How often it went from passing to failing or back, from one night to the next. */
  readonly turns: number;
  /** Whether runs disagree on a night, or it has turned more than once. */
  readonly isFlaky: boolean;
}

/** `trend.json`: a history of suites, and what changed in it. */
export interface TrendDocument {
  readonly schema: 1;
  /** From the oldest to the newest. */
  readonly nights: readonly TrendNight[];
  /** Files that cannot be read, with the reason. */
  readonly damaged: readonly { readonly file: string; readonly reason: string }[];
  readonly scenarios: readonly TrendScenario[];
  readonly series: readonly TrendSeries[];
}
