import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SquallError } from '../../harness/errors.ts';
import type { Revision } from '../../harness/history.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { JOURNAL, readJournal, type SuiteHeader } from '../../scenarios/suite/journal.ts';
import { foldersIn, isRun } from './report.ts';

/** A suite that is kept, of which some runs ended. */
interface KeptSuite {
  readonly folder: string;
  readonly header: SuiteHeader;
}

/** Runs of a scenario on a platform that are kept together. */
interface KeptRuns {
  /** Start and a random tail, by which ids sort. */
  readonly stamp: string;
  readonly directories: readonly string[];
  readonly revision: Revision | undefined;
}

/** Whether a folder is that of a suite. */
export function isSuite(folder: string): boolean {
  return existsSync(join(folder, JOURNAL));
}

/** Folder of a suite: a path, or an id in the folder of `--out`. */
export function suiteFolder(written: string, out: string): string {
  return [pathFrom(written), join(pathFrom(out), written)].find(existsSync) ?? pathFrom(written);
}

/**
 * Folder of an earlier suite that another is compared with.
 * @param written its path, its id, or a branch or a commit: then the newest suite of this name in `out` that was run on it and has a platform in common
 * @param own folder of the suite that is compared, if it exists
 * @throws SquallError `NO_BASELINE` with what was found instead
 */
export function baselineSuite(
  written: string,
  out: string,
  { suite, platforms, own }: { readonly suite: string; readonly platforms: readonly string[]; readonly own?: string },
): string {
  const given = suiteFolder(written, out);
  if (isSuite(given) && given !== own) return given;
  const kept = suitesIn(out).filter(
    ({ folder, header }) =>
      folder !== own && nameOf(header) === suite && header.platforms.some(kind => platforms.includes(kind)),
  );
  const found = kept.find(({ header }) => isOf(header.revision, written));
  if (found) return found.folder;
  const what = `the folder of a suite, its id, or a branch or commit of which ${pathFrom(out)} has a suite ${suite} on ${platforms.join(' or ')}`;
  throw noBaseline(
    written,
    what,
    kept.map(({ header }) => revisionOf(header.revision)),
  );
}

/**
 * Runs that others are compared with: the newest in `out`, by themselves or in a suite.
 * @param written a branch or a commit
 * @param own directories of the runs that are compared
 * @throws SquallError `NO_BASELINE` with what was found instead
 */
export function baselineRuns(
  written: string,
  out: string,
  {
    scenario,
    platform,
    own,
  }: { readonly scenario: string; readonly platform: string; readonly own: readonly string[] },
): readonly string[] {
  const kept = [...singleRuns(out, scenario, platform), ...suiteRuns(out, scenario, platform)]
    .filter(({ directories }) => directories.length > 0 && !directories.some(directory => own.includes(directory)))
    .sort((a, b) => (a.stamp < b.stamp ? 1 : -1));
  const found = kept.find(({ revision }) => isOf(revision, written));
  if (found) return found.directories;
  const what = `a branch or commit of which ${pathFrom(out)} has runs of ${scenario} on ${platform}`;
  throw noBaseline(
    written,
    what,
    kept.map(({ revision }) => revisionOf(revision)),
  );
}

/** Directories of the runs in a folder. */
export function runsBelow(folder: string): string[] {
  return foldersIn(folder).filter(isRun);
}

/** Those with a run that ended, newest first. What cannot be read is none. */
function suitesIn(out: string): KeptSuite[] {
  return foldersIn(pathFrom(out))
    .filter(isSuite)
    .flatMap(folder => {
      try {
        const { header, entries } = readJournal(folder);
        return entries.length > 0 ? [{ folder, header }] : [];
      } catch {
        return [];
      }
    })
    .sort((a, b) => (a.header.startedAt < b.header.startedAt ? 1 : -1));
}

function singleRuns(out: string, scenario: string, platform: string): KeptRuns[] {
  return runsBelow(pathFrom(out)).flatMap(directory => {
    const document = documentOf(directory);
    if (document?.scenario !== scenario || document.platform !== platform) return [];
    return [{ stamp: stampOf(directory), directories: [directory], revision: document.revision }];
  });
}

function suiteRuns(out: string, scenario: string, platform: string): KeptRuns[] {
  return suitesIn(out).map(({ folder, header: { id, revision } }) => {
    return { stamp: stampOf(id), directories: runsBelow(join(folder, scenario, platform)), revision };
  });
}

/** Results of a run, as far as they are readable. */
function documentOf(
  directory: string,
): { readonly scenario?: string; readonly platform?: string; readonly revision?: Revision } | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

const stampOf = (id: string) => id.slice(-20);
const nameOf = ({ suite }: SuiteHeader) => (suite as { readonly name?: string } | null)?.name;
const revisionOf = (revision: Revision | undefined) => revision?.branch ?? revision?.commit.slice(0, 10) ?? 'not known';

function isOf(revision: Revision | undefined, written: string): boolean {
  return (
    revision?.branch === written || (/^[\da-f]{7,40}$/.test(written) && revision?.commit.startsWith(written) === true)
  );
}

function noBaseline(written: string, expected: string, found: readonly string[]): SquallError {
  const branches = [...new Set(found)].join(', ');
  return new SquallError('option', 'NO_BASELINE', `Expected --baseline to be ${expected}, got "${written}"`, {
    next: `${branches === '' ? 'There are none of it there at all.' : `Those there are of: ${branches}.`} Run it on that branch first, or name another folder of runs with --out.`,
  });
}
