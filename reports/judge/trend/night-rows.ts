import type { RunPlan } from '../../../harness/plan.ts';
import type { HistoryRow } from '../../store/history-file.ts';
import type { RunDocument } from '../../store/run-document.ts';
import { definitionOf } from '../compare/plan-changes.ts';
import { parseObjective } from '../objective.ts';

/** What all rows of a night have in common. */
export type NightFacts = Pick<HistoryRow, 'night' | 'suite' | 'startedAt' | 'commit'>;

/** A run of a night. */
export interface NightRun {
  readonly document: Pick<RunDocument, 'scenario' | 'platform' | 'seed' | 'verdict' | 'slos' | 'machine' | 'versions'>;
  /** Absent where the run left none. */
  readonly plan?: RunPlan | undefined;
  /** Counts the runs of the night with one seed, from 1. */
  readonly repeat: number;
}

/** Rows of a run for a history: one an SLO, or one without. */
export function rowsOfRun(night: NightFacts, { document, plan, repeat }: NightRun): HistoryRow[] {
  const { scenario, platform, seed, verdict, slos, machine, versions } = document;
  const run = {
    ...night,
    machine: JSON.stringify(machine),
    versions: JSON.stringify(versions),
    ...{ scenario, platform, seed, repeat, runVerdict: verdict, definition: plan ? definitionOf(plan) : '' },
  };
  if (slos.length === 0) return [{ ...run, ...NOTHING }];
  return slos.map(({ name, window, objective, unit, measured, confidence, infinite, samples, verdict: own }) => ({
    ...run,
    ...{ slo: name, window, objective, unit, limit: limitOf(objective) },
    ...{ value: measured, lower: confidence.lower, upper: confidence.upper },
    infinite: infinite?.join(' ') ?? null,
    ...{ samples, verdict: own },
  }));
}

const NOTHING = {
  ...{ slo: null, window: null, objective: null, unit: null, limit: null, value: null, lower: null, upper: null },
  ...{ infinite: null, samples: null, verdict: null },
};

/** Limit of an objective in its unit; null for one that cannot be read. */
function limitOf(text: string): number | null {
  try {
    return parseObjective(text).objective.limit;
  } catch {
    return null;
  }
}
