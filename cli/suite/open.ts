import { systemClock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { thisMachine } from '../../harness/host/network.ts';
import type { PlatformKind } from '../../harness/plan.ts';
import type { LoadOptions } from '../../scenarios/load-scenario.ts';
import { parseOverrides } from '../../scenarios/override.ts';
import { quoted } from '../../scenarios/quoted.ts';
import { environmentOf, openRunDirectory } from '../../scenarios/session/run-directory.ts';
import { findSuite } from '../../scenarios/suite/find-suite.ts';
import { createJournal, type Journal, resumeJournal, type SuiteHeader } from '../../scenarios/suite/journal.ts';
import { planSuite, type SuitePlan } from '../../scenarios/suite/plan-suite.ts';
import type { ResolvedSuite, SuitePlatform } from '../../scenarios/suite/suite.ts';
import type { External } from '../../scenarios/target/external.ts';
import { externalTarget, type TargetOptions } from '../../scenarios/target/target.ts';
import { loadOptionsOf, targetWords } from '../load-scenario.ts';
import { DEFAULT_OUT } from '../options.ts';
import { suiteFolder } from '../stored/kept.ts';

/** What `squall suite` says about a suite beside its file. */
export interface OpenOptions extends TargetOptions {
  readonly out: string;
  /** `external` with a target. */
  readonly platform?: readonly SuitePlatform[] | 'external';
}

/** A suite that is ready to run. */
export interface PreparedSuite {
  /** Its name or path. */
  readonly source: string;
  readonly suite: ResolvedSuite;
  readonly platforms: readonly PlatformKind[];
  readonly plan: SuitePlan;
  /** Undefined where Squall starts the stack. */
  readonly external: External | undefined;
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
  const external = await targetOf(options, signal);
  const platforms = platformsOf(suite, options);
  const plan = await planOf({ source: name, suite, scenarios, platforms, external }, signal);
  return { source: name, suite, platforms, plan, external, replay: replayOf(name, options) };
}

/** @throws SquallError as {@link externalTarget} */
function targetOf({ platform, ...options }: OpenOptions, signal: AbortSignal): Promise<External | undefined> {
  return externalTarget(
    { ...options, ...(platform !== undefined && { platform: platform === 'external' ? platform : platform[0]! }) },
    thisMachine,
    signal,
  );
}

function platformsOf(suite: ResolvedSuite, { platform: only }: OpenOptions): readonly PlatformKind[] {
  if (only === 'external') return [only];
  const absent = only?.find(kind => !suite.platforms.includes(kind));
  if (absent !== undefined)
    throw new SquallError(
      'option',
      'NO_SUCH_PLATFORM',
      `Expected --platform to be one of the suite's (${suite.platforms.join(', ')}), got ${absent}`,
      { next: `Add it to \`platforms\` of the suite, or leave --platform ${absent} out.` },
    );
  return suite.platforms.filter(kind => only === undefined || only.includes(kind));
}

/** Gives a suite a new folder. @throws SquallError `OUTPUT_NOT_WRITABLE`, `DISK_FULL` */
export function openSuite(prepared: PreparedSuite, { out }: OpenOptions): OpenSuite {
  const { suite, source, platforms, plan, external, replay } = prepared;
  const { environment, directory } = openRunDirectory(`${suite.name}-suite`, out, systemClock);
  const journal = createJournal(directory, {
    ...{ type: 'suite', schema: 1, source, ...environment, folder: process.cwd() },
    ...{
      platforms: [...platforms],
      ...(external && { target: external.url }),
      suite,
      scenarios: { ...plan.digests },
      replay,
    },
  });
  return opened(prepared, directory, journal);
}

/**
 * Opens the folder of a suite that has not ended, to go on.
 * @throws SquallError as `resumeJournal`, and `SUITE_CHANGED` where its scenarios, Squall or the machine are no longer the same
 */
export async function resumeSuite(written: string, options: OpenOptions, signal: AbortSignal): Promise<OpenSuite> {
  const external = await targetOf(options, signal);
  const folder = suiteFolder(written, options.out);
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
    changed('the target', header.target, external?.url);
    changed('the folder that relative paths start from', header.folder, process.cwd());
    changed('the versions', header.versions, now.versions);
    if (header.revision) changed('what is checked out', header.revision, now.revision);
    changed('the machine', header.machine, now.machine);
    const plan = await planOf({ source, suite, scenarios: Object.keys(scenarios), platforms, external }, signal);
    for (const [name, digest] of Object.entries(plan.digests)) changed(`the scenario ${name}`, scenarios[name], digest);
    return opened({ source, suite, platforms, plan, external, replay }, folder, journal);
  } catch (error) {
    journal[Symbol.dispose]();
    throw error;
  }
}

function opened(prepared: PreparedSuite, folder: string, journal: Journal): OpenSuite {
  return { ...prepared, folder, journal, header: journal.header, [Symbol.dispose]: () => journal[Symbol.dispose]() };
}

async function planOf(
  {
    source,
    suite,
    scenarios,
    platforms,
    external,
  }: Omit<PreparedSuite, 'plan' | 'replay'> & { readonly scenarios: readonly string[] },
  signal: AbortSignal,
): Promise<SuitePlan> {
  try {
    parseOverrides(pairsOf(suite));
  } catch (error) {
    const message = `${source} is not a suite:\n  - \`set\`: ${messageOf(error)}`;
    throw new SquallError('scenario', 'BAD_SUITE', message, { cause: error, next: 'Correct `set` in the suite.' });
  }
  const optionsOf = (name: string, platform: PlatformKind, seed: number) =>
    // Looking at it starts nothing, and asks nobody.
    ({ ...loadOptions({ suite, external }, name, platform, seed), asksModel: false });
  return planSuite({ suite, scenarios, platforms, optionsOf, signal });
}

/**
 * How a scenario of a suite is loaded.
 * @param source its name or path
 * @param changes overrides of a proof, beside those of the suite. @default none
 */
export function loadOptions(
  { suite, external }: Pick<PreparedSuite, 'suite' | 'external'>,
  source: string,
  platform: PlatformKind,
  seed: number,
  changes: Readonly<Record<string, unknown>> = {},
): LoadOptions {
  const { given, ...options } = loadOptionsOf(
    source,
    { seed, platform, ...(external && { target: external.url }), set: pairsOf(suite), out: DEFAULT_OUT },
    changes,
  );
  const own = Object.keys(suite.set).map(path => [path, `\`set.${path}\` of the suite`]);
  return { ...options, external, given: { ...Object.fromEntries(own), ...given } };
}

/** Overrides of a suite, as `--set` has them. */
function pairsOf({ set }: ResolvedSuite): string[] {
  return Object.entries(set).map(([path, value]) => `${path}=${JSON.stringify(value)}`);
}

function replayOf(name: string, options: OpenOptions): string {
  const { out, platform = [], target } = options;
  const kinds = platform === 'external' ? [] : platform;
  const words = ['npx', 'squall', 'suite', name, ...kinds.flatMap(kind => ['--platform', kind])];
  if (target !== undefined) words.push('--target', target);
  words.push(...targetWords(options));
  if (out !== DEFAULT_OUT) words.push('--out', out);
  return words.map(quoted).join(' ');
}
