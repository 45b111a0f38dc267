import type { Difference, Estimate, VariantsDocument } from './variants-document.ts';

/** `better`: confirmed on held-out seeds. `unconfirmed`: better on the training seeds, but not shown to be on others. */
export type TuneOutcome = 'better' | 'unconfirmed' | 'nothing-better';

/** One of two configurations over the runs of a scenario. */
export interface TuneSide {
  /** Runs in which every SLO passed. */
  readonly met: number;
  readonly runs: number;
  /** In the unit of the comparison; null where a run has no cost. */
  readonly cost: Estimate | null;
}

/** The user's own file and the tuned one under one scenario. */
export interface TuneEvidence {
  readonly scenario: string;
  readonly phase: 'training' | 'held-out';
  readonly costUnit: '$' | 'replica-hours';
  readonly own: TuneSide;
  /** Null where nothing better was found. */
  readonly tuned: TuneSide | null;
  /** Of the cost, in percent of the user's own, by seed. */
  readonly difference: Difference | null;
  /** All figures, SLOs and runs of the two, which are called `own` and `tuned`. */
  readonly comparison: VariantsDocument;
}

/** A field that was changed. */
export interface TuneChange {
  /** Path in the file, such as `spec.minReplicas`. */
  readonly field: string;
  readonly own: string;
  readonly tuned: string;
}

/** A configuration that was tried. */
export interface TuneCandidate {
  /** Round in which it raced. */
  readonly round: number;
  readonly changes: readonly TuneChange[];
  /** Runs after which it was decided. */
  readonly runs: number;
  /** `best`: better than the best one so far; `better`: that, too, but another one of its round even more; otherwise `worse`. */
  readonly outcome: 'best' | 'better' | 'worse';
  /** Cost in proportion to that of the best one so far, on the same runs; null without one. */
  readonly costRatio: number | null;
  /** Why it is not the best one; empty for that. */
  readonly reason: string;
}

/** A configuration over all runs that it and the user's own had in common. */
export interface TunePoint {
  readonly file: 'own' | 'tuned' | 'other';
  /** Whether every SLO passed in all of them. */
  readonly met: boolean;
  /** Mean cost in proportion to that of the user's own; null without one. */
  readonly costRatio: number | null;
  /** Mean of their P99; null where one of them has none, or one beyond every value. */
  readonly ttftP99Ms: number | null;
}

/** A configuration on seeds that the search had not seen. */
export interface TuneConfirmation {
  readonly changes: readonly TuneChange[];
  readonly seeds: readonly number[];
  readonly outcome: 'pass' | 'fail' | 'unfinished';
  readonly reason: string;
}

/** `tune.json`: an HPA file, and what a search found that is cheaper. */
export interface TuneDocument {
  readonly schema: 1;
  readonly id: string;
  /** The user's file. */
  readonly file: string;
  readonly scenarios: readonly string[];
  readonly seed: number;
  readonly startedAt: string;
  readonly wallMs: number;
  readonly outcome: TuneOutcome;
  /** Why the search ended. */
  readonly end: 'converged' | 'rounds' | 'budget' | 'interrupted';
  /** The result in a sentence. */
  readonly answer: string;
  /** What restricts it, and what to change. */
  readonly reasons: readonly string[];
  /** Between the user's file and the tuned one; empty where nothing better was found. */
  readonly changes: readonly TuneChange[];
  /** Difference of the cost over all scenarios and seeds of a phase, in percent; null without both. */
  readonly saving: { readonly training: Difference | null; readonly heldOut: Difference | null };
  /** Of each scenario: on the training seeds, and on the held-out ones if there were any. */
  readonly evidence: readonly TuneEvidence[];
  readonly confirmations: readonly TuneConfirmation[];
  readonly rounds: number;
  readonly runs: number;
  readonly tried: readonly TuneCandidate[];
  /** All that ran, the user's own first. */
  readonly points: readonly TunePoint[];
  /** Fields that were varied, with the number of values of each. */
  readonly fields: readonly { readonly field: string; readonly values: number }[];
  /** The tuned file, relative to this one; absent where nothing better was found. */
  readonly yaml?: string;
  /** Command that repeats the search, and one that runs each file. */
  readonly replay: string;
  readonly runOwn: string;
  readonly runTuned?: string;
}
