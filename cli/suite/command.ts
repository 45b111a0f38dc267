import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { modulePath } from '../../harness/host/modules.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { combineSuite } from '../../reports/judge/suite/combine.ts';
import { publishSuite, SUITE_FILES } from '../../reports/publish.ts';
import { suiteMessage } from '../../reports/render/message.ts';
import { suiteMetrics } from '../../reports/render/metrics/families.ts';
import { verdictRows } from '../../reports/render/suite/rows.ts';
import { badProofsOf, changesOf, conclusion, failuresOf, seedText } from '../../reports/render/suite/texts.ts';
import type { SuiteDocument } from '../../reports/store/suite-document.ts';
import { quoted } from '../../scenarios/quoted.ts';
import { requireWritable } from '../../scenarios/session/run-directory.ts';
import { startWorkers } from '../../scenarios/session/workers.ts';
import { readJournal } from '../../scenarios/suite/journal.ts';
import { runOne, type SuiteOrder, type SuiteResult } from '../../scenarios/suite/run-one.ts';
import { runSuite } from '../../scenarios/suite/run-suite.ts';
import { type ResolvedSuite, SUITE_PLATFORMS, type SuitePlatform } from '../../scenarios/suite/suite.ts';
import { EXIT, worstExit } from '../exit.ts';
import { linkOf, type NotifyOptions, notifyOf, withNotify } from '../notify.ts';
import { JSON_FLAG, QUIET_FLAG, wholeNumber, withOnlyTarget, withOut } from '../options.ts';
import { baselineSuite, suiteFolder } from '../stored/kept.ts';
import { paint, printJson, say, tableLines } from '../terminal.ts';
import { compareWith, type KeptSuite, readSuite, sideOf } from './baseline.ts';
import { type RetentionOptions, updateHistory, withRetention } from './history.ts';
import {
  loadOptions,
  type OpenOptions,
  type OpenSuite,
  openSuite,
  type PreparedSuite,
  prepareSuite,
  resumeSuite,
} from './open.ts';
import { planSaid } from './planned.ts';
import { startSuiteProgress } from './progress.ts';

/** Options of `squall suite`. */
export interface SuiteOptions extends NotifyOptions, RetentionOptions, OpenOptions {
  readonly jobs: number;
  readonly resume?: string;
  readonly failOnMissing?: boolean;
  readonly baseline?: string;
  readonly failOnRegression?: boolean;
  readonly history?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const PROGRAM = modulePath('../../scenarios/suite/worker', import.meta.url);
const MAX_JOBS = 64;
/** Real time for a run that takes seconds on an idle machine, in ms, beside twice its virtual time. */
const MIN_LIMIT_MS = 120_000;

/** Defines `squall suite <name | file>`, which runs many scenarios and leaves one page about them. */
export function defineSuite(command: Command, signal: AbortSignal): void {
  withRetention(
    withNotify(withOnlyTarget(withOut(command))).option(
      '--history <folder>',
      'append the suite to this history at its end, and show what changed since earlier nights: docs/history.md',
    ),
  )
    .argument('[suite]', 'a name from `squall list`, or a .yaml, .json or .ts file')
    .addOption(
      new Option('--platform <kind>', 'only on this one of its platforms (repeatable)').argParser(parsePlatform),
    )
    .option(
      '--jobs <n>',
      'runs side by side in virtual time',
      wholeNumber(1, MAX_JOBS),
      Math.min(MAX_JOBS, availableParallelism()),
    )
    .option('--resume <folder>', 'go on with a suite that was interrupted: its folder, or its id in that of --out')
    .option('--fail-on-missing', 'exit with 4 where this machine lacks what a scenario needs, such as nginx')
    .option(
      '--baseline <suite>',
      'compare with an earlier suite: its folder, or in that of --out its id, or its branch or commit, of which the newest is taken',
    )
    .option('--fail-on-regression', 'exit with 1 where something is worse than in the baseline')
    .option('--dry-run', 'print what would run, and what cannot, check all options, and start nothing')
    .option(...JSON_FLAG)
    .option(...QUIET_FLAG)
    .addHelpText(
      'after',
      '\nExit codes: the most severe of 0 all pass · 1 an SLO failed, or a proof does not hold · 2 something is undecided, or did not run for lack of time · 3 a scenario is wrong · 4 a run could not be carried out, or its files were changed · 130 interrupted. What cannot run here is listed, and does not count.',
    )
    .action(async (name: string | undefined, options: SuiteOptions) => {
      process.exitCode = await suiteOf(name, options, signal);
    });
}

async function suiteOf(name: string | undefined, options: SuiteOptions, signal: AbortSignal): Promise<number> {
  const { resume, dryRun, json } = options;
  const notify = notifyOf(options, process.env);
  requireUsable(name, options);
  const prepared = name === undefined ? undefined : await prepareSuite(name, options, signal);
  // Whatever is wrong with it is said before anything runs.
  const baseline = options.baseline === undefined ? undefined : readSuite(baselineOf(prepared, options));
  if (options.history !== undefined) requireWritable('--history', options.history);
  if (dryRun) {
    if (prepared) requireWritable('--out', options.out);
    using resumed = prepared ? undefined : await resumeSuite(resume!, options, signal);
    return planSaid(resumed ?? prepared!, options);
  }
  try {
    using opened = prepared ? openSuite(prepared, options) : await resumeSuite(resume!, options, signal);
    const document = await compared(await carryOut(opened, options, signal), baseline, opened, options, signal);
    if (json) printJson(document);
    else say(process.stdout, ...summaryLines(document, opened, options));
    await notify.send(suiteMessage(document, linkOf(process.env)), suiteMetrics(document));
    return worstExit([document.exitCode, await appended(document, opened, options)]);
  } catch (error) {
    await notify.failed(name ?? resume!, error, signal);
    throw error;
  }
}

/** @throws SquallError of kind `option` for options that do nothing together */
function requireUsable(name: string | undefined, options: SuiteOptions): void {
  const { resume, platform, failOnRegression, baseline, history, keepDays, keepSize } = options;
  if ((name === undefined) === (resume === undefined))
    throw new SquallError(
      'option',
      'NO_SUITE',
      `Expected either a suite or --resume, got ${name === undefined ? 'neither' : 'both'}`,
      { next: 'Name a suite, such as `squall suite smoke`, or the folder of one that was interrupted.' },
    );
  if (resume !== undefined && platform !== undefined && platform !== 'external')
    throw new SquallError('option', 'NO_SUITE', 'Expected --platform with a suite, got it with --resume', {
      next: 'Leave it out: what is resumed runs on the platforms that it began on.',
    });
  if (failOnRegression && baseline === undefined)
    throw new SquallError('option', 'NO_BASELINE', 'Expected --fail-on-regression with --baseline, got it alone', {
      next: 'Name what the suite is compared with, such as --baseline main.',
    });
  if (history === undefined && (keepDays ?? keepSize) !== undefined)
    throw new SquallError('option', 'NO_HISTORY', 'Expected --keep-days and --keep-size with --history, got none', {
      next: 'Name the folder of the history.',
    });
}

/** Appends a suite to its history, unless it was interrupted: a night is never written again. @returns the exit code of that alone */
async function appended(document: SuiteDocument, { folder }: OpenSuite, options: SuiteOptions): Promise<number> {
  if (options.history === undefined) return EXIT.pass;
  const stream = options.json ? process.stderr : process.stdout;
  if (document.interrupted) {
    say(stream, 'Interrupted, and therefore not appended to the history.');
    return EXIT.pass;
  }
  const { problems } = await updateHistory(pathFrom(options.history), [folder], options, stream);
  return problems.length > 0 ? EXIT.environment : EXIT.pass;
}

/** What the suite found, with what changed since its baseline, if it has one. */
async function compared(
  document: SuiteDocument,
  baseline: KeptSuite | undefined,
  opened: OpenSuite,
  options: SuiteOptions,
  signal: AbortSignal,
): Promise<SuiteDocument> {
  if (!baseline || signal.aborted) return document;
  const { folder } = opened;
  const changes = await compareWith(baseline, sideOf(document, folder), folder, signal);
  const whole = documentOf(opened, document, options, false, changes);
  publishSuite(folder, whole);
  return whole;
}

/** Folder of the suite that this one is compared with. */
function baselineOf(prepared: PreparedSuite | undefined, { baseline, out, resume }: SuiteOptions): string {
  if (prepared) return baselineSuite(baseline!, out, { suite: prepared.suite.name, platforms: prepared.platforms });
  const own = suiteFolder(resume!, out);
  const { header } = readJournal(own);
  const { name } = header.suite as ResolvedSuite;
  return baselineSuite(baseline!, out, { suite: name, platforms: header.platforms, own });
}

/** Runs what is due, and writes the files of the suite after each run. */
async function carryOut(opened: OpenSuite, options: SuiteOptions, signal: AbortSignal): Promise<SuiteDocument> {
  const { folder, plan, suite, journal } = opened;
  const { jobs, quiet, json } = options;
  const { places } = plan;
  using progress = quiet ? undefined : startSuiteProgress(json ? process.stderr : process.stdout, places, jobs);
  const lengths = places.filter(({ platform }) => platform === 'virtual').map(({ lengthMs }) => lengthMs);
  await using workers = startWorkers<SuiteOrder, SuiteResult>({
    ...{ program: PROGRAM, jobs, signal },
    limitMs: MIN_LIMIT_MS + 2 * Math.max(0, ...lengths),
    lost: (_, code, message) => {
      throw new SquallError('environment', code, message);
    },
    isSpent: ({ run }) => run.exitCode === EXIT.environment,
  });
  const last = await runSuite({
    ...{ places, folder, journal, jobs, clock: systemClock, signal, budgetMs: suite.budget },
    optionsOf: ({ found, platform, seed }, changes) => loadOptions(opened, found!.source, platform, seed, changes),
    run: (order, { platform }) => (platform === 'virtual' ? workers.order(order) : runOne(order, signal)),
    onChange(now, ended) {
      progress?.show(now, ended);
      if (ended) publishSuite(folder, documentOf(opened, now, options, false));
    },
  });
  const document = documentOf(opened, last, options, signal.aborted);
  publishSuite(folder, document);
  return document;
}

function documentOf(
  { header, plan, suite }: OpenSuite,
  { cells, wallMs, budgetSpent }: Pick<SuiteDocument, 'cells' | 'wallMs' | 'budgetSpent'>,
  { failOnMissing = false, failOnRegression = false }: SuiteOptions,
  interrupted: boolean,
  baseline?: SuiteDocument['baseline'],
): SuiteDocument {
  const { id, startedAt, machine, versions, revision, replay } = header;
  const { name, why } = suite;
  return combineSuite({
    ...{ id, startedAt, machine, versions, ...(revision && { revision }), replay, suite: name, why },
    ...{ cells, wallMs, budgetSpent, interrupted, failOnMissing, failOnRegression },
    ...(baseline && { baseline }),
    whys: new Map(plan.places.map(place => [place.scenario, place.why])),
  });
}

function parsePlatform(kind: string, before: readonly SuitePlatform[] = []): SuitePlatform[] {
  const found = SUITE_PLATFORMS.find(known => known === kind);
  if (found === undefined) throw new InvalidArgumentError(`Expected one of ${SUITE_PLATFORMS.join(', ')}.`);
  return [...before, found];
}

function summaryLines(document: SuiteDocument, { folder }: OpenSuite, { history }: SuiteOptions): string[] {
  const goOn = document.interrupted || document.budgetSpent;
  const resumed = [
    '--resume',
    folder,
    ...(document.interrupted && history !== undefined ? ['--history', history] : []),
  ];
  return [
    '',
    ...tableLines(verdictRows(document)),
    '',
    ...failuresOf(document).map(
      cell => `${paint('red', '✗')} ${cell.scenario} on ${cell.platform}, seed ${seedText(cell)}: ${cell.sentence}`,
    ),
    ...badProofsOf(document).map(
      ({ cell, proof }) => `${paint('red', '✗')} ${cell.scenario} on ${cell.platform}: ${proof.sentence}`,
    ),
    ...changesOf(document)
      .filter(({ change }) => change === 'regression')
      .map(({ scenario, platform, sentence }) => `${paint('red', '✗')} ${scenario} on ${platform}: ${sentence}`),
    paint('bold', conclusion(document)),
    ...(goOn ? [`${paint('bold', 'go on')}   npx squall suite ${resumed.map(quoted).join(' ')}`] : []),
    `${paint('bold', 'report')}  ${join(folder, SUITE_FILES.html)}`,
  ];
}
