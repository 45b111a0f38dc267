import type { CompareDocument } from './compare-document.ts';
import type { RunDocument, SloResult, Verdict } from './run-document.ts';
import type { Estimate } from './variants-document.ts';

/** One place in a suite: a scenario on a platform with a seed; `repeat` counts from 1. */
export interface SuitePlace {
  readonly scenario: string;
  readonly platform: string;
  readonly seed: number;
  readonly repeat: number;
}

/** A run of a suite that ended. */
export interface SuiteRun {
  /** Folder of the run, relative to that of the suite; absent where none was left. */
  readonly directory?: string | undefined;
  readonly verdict: Verdict;
  readonly exitCode: RunDocument['exitCode'];
  readonly reasons: readonly string[];
  /** Time on the run's own clock, in ms. */
  readonly durationMs: number;
  /** Time that it took on this machine, in ms. */
  readonly wallMs: number;
  readonly slos: readonly Pick<
    SloResult,
    'name' | 'window' | 'objective' | 'verdict' | 'measured' | 'unit' | 'reason'
  >[];
  /** SHA-256 of the files that the verdict rests on, by name. */
  readonly files: Readonly<Record<string, string>>;
}

/** What one proof of a scenario showed; `not-run`: the baseline run did not pass, or the suite ended before. */
export interface SuiteProof {
  readonly without: string;
  readonly outcome: 'holds' | 'proves-nothing' | 'breaks-more' | 'unusable' | 'not-run';
  readonly sentence: string;
  readonly directory?: string;
}

/**
 * What became of a place of a suite:
 * - `ended`: it ran
 * - `unsupported`: its platform can never run it
 * - `missing`: this machine lacks what it needs
 * - `refused`: the scenario, or an override of the suite, is wrong
 * - `damaged`: it ran, but the files of its run were changed or lost since
 * - `not-run`: the suite ended before its turn
 */
export type PlaceState = 'ended' | 'unsupported' | 'missing' | 'refused' | 'damaged' | 'not-run';

/** A place of a suite, and what became of it. */
export interface SuiteCell extends SuitePlace {
  readonly state: PlaceState;
  /** Why it did not pass, or did not run, in a sentence; empty for one that passed. */
  readonly sentence: string;
  /** Only of one that ended, or is damaged. */
  readonly run?: SuiteRun;
  /** Empty without proofs, or where the suite does not prove. */
  readonly proofs: readonly SuiteProof[];
}

/** How often the runs of a group disagree: the ratio (0–1) that fails of those that pass or fail, each bound with 95 %. */
export interface Flakiness {
  readonly failed: number;
  readonly decided: number;
  readonly ratio: number;
  readonly lower: number;
  readonly upper: number;
}

/** SLO over the runs of a group. */
export interface GroupSlo extends Pick<SloResult, 'name' | 'window' | 'objective' | 'unit'> {
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Of the measured values; null where a run has none, or one beyond every value. */
  readonly estimate: Estimate | null;
  /** Null where all its runs agree, or fewer than two passed or failed. */
  readonly flakiness: Flakiness | null;
}

/** All runs of a scenario on a platform. */
export interface SuiteGroup {
  readonly scenario: string;
  readonly why: string;
  readonly platform: string;
  /**
   * `flaky`: some of its runs pass and some fail; `refused`: the scenario is wrong; `unfinished`: all that ran passed, but the
   * suite ended before the others; `skipped`: nothing ran, nor could; `not-run`: nothing ran, but could.
   */
  readonly result: Verdict | 'flaky' | 'refused' | 'unfinished' | 'skipped' | 'not-run';
  readonly flakiness: Flakiness | null;
  readonly slos: readonly GroupSlo[];
  readonly wallMs: number;
}

/** What the runs of a scenario on a platform show against those of an earlier suite. */
export interface SuiteChange extends Pick<SuitePlace, 'scenario' | 'platform'> {
  /** `new`: the earlier suite has no such runs; `gone`: this one has none that ended; `unreadable`: runs of a side were changed or lost. */
  readonly change: CompareDocument['verdict'] | 'new' | 'gone' | 'unreadable';
  readonly sentence: string;
  /** Runs that passed, of all, on both sides. */
  readonly passed: { readonly base: string; readonly candidate: string };
  /** Page of the comparison, relative to the folder of the suite; absent without one. */
  readonly report?: string;
}

/** `suite.json`: the results of a suite. */
export interface SuiteDocument {
  readonly schema: 1;
  readonly id: string;
  readonly suite: string;
  readonly why: string;
  readonly exitCode: RunDocument['exitCode'] | 3;
  readonly interrupted: boolean;
  /** Whether the time budget ended it. */
  readonly budgetSpent: boolean;
  readonly startedAt: string;
  /** Time that it took on this machine so far, in ms, without the time between an end and a resumption. */
  readonly wallMs: number;
  readonly machine: RunDocument['machine'];
  readonly versions: RunDocument['versions'];
  /** What was checked out; absent where that is not known. */
  readonly revision?: NonNullable<RunDocument['revision']>;
  /** The command that begins the same suite again. */
  readonly replay: string;
  /** The order of the suite, as its `scenarios`, `platforms` and seeds have it. */
  readonly cells: readonly SuiteCell[];
  /** In the order of their first cell. */
  readonly groups: readonly SuiteGroup[];
  /** The earlier suite that this one was compared with, by its id; absent without one. */
  readonly baseline?: {
    readonly id: string;
    /** What was checked out then; absent where that is not known. */
    readonly revision?: NonNullable<RunDocument['revision']>;
    readonly changes: readonly SuiteChange[];
  };
}
