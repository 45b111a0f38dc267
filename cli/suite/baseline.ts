import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../harness/errors.ts';
import { compareRuns } from '../../reports/judge/compare/compare.ts';
import { conclusion } from '../../reports/render/compare/rows.ts';
import type { SuiteChange, SuiteDocument } from '../../reports/store/suite-document.ts';
import { readJournal } from '../../scenarios/suite/journal.ts';
import { damageOf } from '../../scenarios/suite/run-one.ts';
import { folderOf } from '../../scenarios/suite/run-suite.ts';
import { comparableRuns, writeComparison } from '../stored/compare.ts';

/** Runs of an earlier suite, or of the one that has just ended. */
interface Side {
  /** Folder of the suite. */
  readonly folder: string;
  readonly runs: readonly { readonly scenario: string; readonly platform: string; readonly run: Run }[];
}

type Run = Parameters<typeof damageOf>[1];

/** An earlier suite to compare with. */
export interface Baseline extends Side {
  readonly id: string;
}

/** Reads an earlier suite, which need not have come to its end. @throws SquallError `UNKNOWN_SUITE_FOLDER`, `BAD_SUITE_FOLDER` */
export function readBaseline(folder: string): Baseline {
  const { header, entries } = readJournal(folder);
  return { id: header.id, folder, runs: entries.filter(({ without }) => without === null) };
}

/**
 * Compares each scenario on each platform with the same of an earlier suite, and leaves a page about it beside its runs.
 * @param folder of the suite that has ended
 */
export async function compareWith(
  base: Baseline,
  document: SuiteDocument,
  folder: string,
  signal: AbortSignal,
): Promise<NonNullable<SuiteDocument['baseline']>> {
  const ended = document.cells.flatMap(({ state, run, ...place }) =>
    state === 'ended' ? [{ ...place, run: run! }] : [],
  );
  const groups = Map.groupBy(ended, ({ scenario, platform }) => folderOf({ scenario, platform }, false));
  const changes: SuiteChange[] = [];
  for (const runs of groups.values()) {
    signal.throwIfAborted();
    changes.push(await changeOf(base, { folder, runs }));
  }
  return { id: base.id, changes };
}

async function changeOf(base: Baseline, candidate: Side): Promise<SuiteChange> {
  const { scenario, platform } = candidate.runs[0]!;
  const earlier: Side = {
    ...base,
    runs: base.runs.filter(own => own.scenario === scenario && own.platform === platform),
  };
  const common = { scenario, platform, passed: { base: passedOf(earlier), candidate: passedOf(candidate) } };
  if (earlier.runs.length === 0) return { ...common, change: 'new', sentence: `${base.id} has no such run.` };
  try {
    const [one, other] = [await runsOf(earlier), await runsOf(candidate)];
    const compared = compareRuns(one, other);
    const directory = folderOf({ scenario, platform }, false);
    mkdirSync(join(candidate.folder, directory), { recursive: true });
    writeComparison(join(candidate.folder, directory), compared);
    return { ...common, change: compared.verdict, sentence: conclusion(compared), report: `${directory}/compare.html` };
  } catch (error) {
    return { ...common, change: 'unreadable', sentence: messageOf(error) };
  }
}

/** @throws Error for runs that are no longer as they were */
async function runsOf({ folder, runs }: Side) {
  const damage = runs.map(({ run }) => damageOf(folder, run)).find(found => found !== undefined);
  if (damage !== undefined) throw new Error(damage);
  return comparableRuns(
    runs.flatMap(({ run: { directory } }) => (directory === undefined ? [] : [join(folder, directory)])),
  );
}

function passedOf({ runs }: Side): string {
  return `${runs.filter(({ run }) => run.verdict === 'pass').length} of ${runs.length}`;
}
