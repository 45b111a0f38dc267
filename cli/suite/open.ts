import { systemClock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { LoadOptions } from '../../scenarios/load-scenario.ts';
import { parseOverrides } from '../../scenarios/override.ts';
import { quoted } from '../../scenarios/quoted.ts';
import { environmentOf, openRunDirectory } from '../../scenarios/session/run-directory.ts';
import { findSuite } from '../../scenarios/suite/find-suite.ts';
import { createJournal, type Journal, resumeJournal, type SuiteHeader } from '../../scenarios/suite/journal.ts';
import { planSuite, type SuitePlan } from '../../scenarios/suite/plan-suite.ts';
import type { ResolvedSuite, SuitePlatform } from '../../scenarios/suite/suite.ts';
import { loadOptionsOf } from '../load-scenario.ts';
import { DEFAULT_OUT } from '../options.ts';
import { suiteFolder } from '../stored/kept.ts';

/** What `squall suite` says about a suite beside its file. */
export interface OpenOptions {
  readonly out: string;
  readonly platform?: readonly SuitePlatform[];
}

/** A suite that is ready to run. */
export interface PreparedSuite {
  /** Its name or path. */
  readonly source: string;
  readonly suite: ResolvedSuite;
  readonly platforms: readonly SuitePlatform[];
  readonly plan: SuitePlan;
  readonly replay: string;
}

/** A suite with a folder, which belongs to this process until it is disposed of. */
export interface OpenSuite extends PreparedSuite, Disposable {
  /** Absolute. */
  readonly folder: string;
  readonly header: SuiteHeader;
  readonly journal: Journal;
}

/** Finds a suite and looks at all its scenarios. @throws SquallError `UNKNOWN_SUITE`, `UNREADABLE_SUITE`, `BAD_SUITE`, `NO_SUCH_PLATFORM` */
export async function prepareSuite(name: string, options: OpenOptions, signal: AbortSignal): Promise<PreparedSuite> {
  const { suite, scenarios } = await findSuite(name);
  const { platform: only } = options;
  const platforms = suite.platforms.filter(kind => only === undefined || only.includes(kind));
  const absent = only?.find(kind => !suite.platforms.includes(kind));
  if (absent !== undefined)
    throw new SquallError(
      'option',
      'NO_SUCH_PLATFORM',
      `Expected --platform to be one of the suite's (${suite.platforms.join(', ')}), got ${absent}`,
      { next: `Add it to \`platforms\` of the suite, or leave --platform ${absent} out.` },
    );
  const plan = await planOf(name, suite, scenarios, platforms, signal);
  return { source: name, suite, platforms, plan, replay: replayOf(name, options) };
}

/** Gives a suite a new folder. @throws SquallError `OUTPUT_NOT_WRITABLE`, `DISK_FULL` */
export function openSuite(prepared: PreparedSuite, { out }: OpenOptions): OpenSuite {
  const { suite, source, platforms, plan, replay } = prepared;
  const { environment, directory } = openRunDirectory(`${suite.name}-suite`, out, systemClock);
  const journal = createJournal(directory, {
    ...{ type: 'suite', schema: 1, source, ...environment, folder: process.cwd() },
    ...{ platforms: [...platforms], suite, scenarios: { ...plan.digests }, replay },
  });
  return opened(prepared, directory, journal);
}

/**
 * Opens the folder of a suite that has not ended, to go on.
 * @throws SquallError as `resumeJournal`, and `SUITE_CHANGED` where its scenarios, Squall or the machine are no longer the same
 */
export async function resumeSuite(written: string, { out }: OpenOptions, signal: AbortSignal): Promise<OpenSuite> {
  const folder = suiteFolder(written, out);
  const journal = resumeJournal(folder);
  try {
    const { header } = journal;
    const { source, platforms, scenarios, replay } = header;
    const suite = header.suite as ResolvedSuite;
    const now = environmentOf(source, systemClock);
    const changed = (what: string, was: unknown, is: unknown) => {
      if (JSON.stringify(was) === JSON.stringify(is)) return;
      throw new SquallError(
        'option',
        'SUITE_CHANGED',
        `Expected ${what} to be as when the suite began (${JSON.stringify(was)}), found ${JSON.stringify(is)}`,
        { next: `Start it again: ${replay}` },
      );
    };
    changed('the folder that relative paths start from', header.folder, process.cwd());
    changed('the versions', header.versions, now.versions);
    if (header.revision) changed('what is checked out', header.revision, now.revision);
    changed('the machine', header.machine, now.machine);
    const plan = await planOf(source, suite, Object.keys(scenarios), platforms, signal);
    for (const [name, digest] of Object.entries(plan.digests)) changed(`the scenario ${name}`, scenarios[name], digest);
    return opened({ source, suite, platforms, plan, replay }, folder, journal);
  } catch (error) {
    journal[Symbol.dispose]();
    throw error;
  }
}

function opened(prepared: PreparedSuite, folder: string, journal: Journal): OpenSuite {
  return { ...prepared, folder, journal, header: journal.header, [Symbol.dispose]: () => journal[Symbol.dispose]() };
}

async function planOf(
  source: string,
  suite: ResolvedSuite,
  scenarios: readonly string[],
  platforms: readonly SuitePlatform[],
  signal: AbortSignal,
): Promise<SuitePlan> {
  try {
    parseOverrides(pairsOf(suite));
  } catch (error) {
    const message = `${source} is not a suite:\n  - \`set\`: ${messageOf(error)}`;
    throw new SquallError('scenario', 'BAD_SUITE', message, { cause: error, next: 'Correct `set` in the suite.' });
  }
  const optionsOf = (name: string, platform: SuitePlatform, seed: number) => loadOptions(suite, name, platform, seed);
  return planSuite({ suite, scenarios, platforms, optionsOf, signal });
}

/**
 * How a scenario of a suite is loaded.
 * @param source its name or path
 * @param changes overrides of a proof, beside those of the suite. @default none
 */
export function loadOptions(
  suite: ResolvedSuite,
  source: string,
  platform: SuitePlatform,
  seed: number,
  changes: Readonly<Record<string, unknown>> = {},
): LoadOptions {
  const { given, ...options } = loadOptionsOf(
    source,
    { seed, platform, set: pairsOf(suite), out: DEFAULT_OUT },
    changes,
  );
  const own = Object.keys(suite.set).map(path => [path, `\`set.${path}\` of the suite`]);
  return { ...options, given: { ...Object.fromEntries(own), ...given } };
}

/** Overrides of a suite, as `--set` has them. */
function pairsOf({ set }: ResolvedSuite): string[] {
  return Object.entries(set).map(([path, value]) => `${path}=${JSON.stringify(value)}`);
}

function replayOf(name: string, { out, platform = [] }: OpenOptions): string {
  const words = ['npx', 'squall', 'suite', name, ...platform.flatMap(kind => ['--platform', kind])];
  if (out !== DEFAULT_OUT) words.push('--out', out);
  return words.map(quoted).join(' ');
}
