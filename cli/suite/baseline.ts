import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../harness/errors.ts';
import { compareRuns } from '../../reports/judge/compare/compare.ts';
import { conclusion } from '../../reports/render/compare/rows.ts';
import { renderChangesMarkdown } from '../../reports/render/suite/changes.ts';
import type { CompareDocument } from '../../reports/store/compare-document.ts';
import type { SuiteChange, SuiteDocument } from '../../reports/store/suite-document.ts';
import { readJournal, type SuiteHeader } from '../../scenarios/suite/journal.ts';
import { damageOf } from '../../scenarios/suite/run-one.ts';
import { folderOf } from '../../scenarios/suite/run-suite.ts';
import { comparableRuns, writeComparison } from '../stored/comparison.ts';

/** Runs of an earlier suite, or of the one that has just ended. */
interface Side {
  /** Folder of the suite. */
  readonly folder: string;
  readonly runs: readonly { readonly scenario: string; readonly platform: string; readonly run: Run }[];
}

type Run = Parameters<typeof damageOf>[1];

/** A suite that is kept. */
export interface KeptSuite extends Side {
  readonly id: string;
  readonly header: SuiteHeader;
}

/** Reads an earlier suite, which need not have come to its end. @throws SquallError `UNKNOWN_SUITE_FOLDER`, `BAD_SUITE_FOLDER` */
export function readSuite(folder: string): KeptSuite {
  const { header, entries } = readJournal(folder);
  return { id: header.id, header, folder, runs: entries.filter(({ without }) => without === null) };
}

/** Runs of a suite that has just ended. @param folder of the suite */
export function sideOf({ cells }: Pick<SuiteDocument, 'cells'>, folder: string): Side {
  const runs = cells.flatMap(({ state, run, ...place }) => (state === 'ended' ? [{ ...place, run: run! }] : []));
  return { folder, runs };
}

/**
 * Compares each scenario on each platform with the same of an earlier suite, and leaves pages about it.
 * @param out folder of `<scenario>/<platform>/compare.html`, and of `compare.md` about all of them
 */
export async function compareWith(
  base: KeptSuite,
  candidate: Side,
  out: string,
  signal: AbortSignal,
): Promise<NonNullable<SuiteDocument['baseline']>> {
  const groups = Map.groupBy(candidate.runs, ({ scenario, platform }) => folderOf({ scenario, platform }, false));
  const changes: SuiteChange[] = [];
  const worse: CompareDocument[] = [];
  for (const runs of groups.values()) {
    signal.throwIfAborted();
    const { compared, ...change } = await changeOf(base, { ...candidate, runs }, out);
    changes.push(change);
    if (compared?.verdict === 'regression') worse.push(compared);
  }
  changes.push(...goneFrom(base, candidate));
  const { revision } = base.header;
  const baseline = { id: base.id, ...(revision && { revision }), changes };
  writeFileSync(join(out, 'compare.md'), renderChangesMarkdown(baseline, worse), { mode: 0o600 });
  return baseline;
}

/** Scenarios that the earlier suite ran on a platform of this one, of which this one has no run: nothing is left out silently. */
function goneFrom(base: Side, candidate: Side): SuiteChange[] {
  const keyOf = (own: Pick<SuiteChange, 'scenario' | 'platform'>) => folderOf(own, false);
  const kept = new Set(candidate.runs.map(keyOf));
  const platforms = new Set(candidate.runs.map(({ platform }) => platform));
  const gone = Map.groupBy(
    base.runs.filter(own => platforms.has(own.platform) && !kept.has(keyOf(own))),
    keyOf,
  );
  return [...gone.values()].map(runs => ({
    ...{ scenario: runs[0]!.scenario, platform: runs[0]!.platform, change: 'gone' },
    sentence: 'No such run ended in this suite.',
    passed: { base: passedOf({ ...base, runs }), candidate: '0 of 0' },
  }));
}

async function changeOf(
  base: KeptSuite,
  candidate: Side,
  out: string,
): Promise<SuiteChange & { readonly compared?: CompareDocument }> {
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
    mkdirSync(join(out, directory), { recursive: true });
    writeComparison(join(out, directory), compared);
    return {
      ...common,
      ...{ change: compared.verdict, sentence: conclusion(compared), report: `${directory}/compare.html` },
      compared,
    };
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
