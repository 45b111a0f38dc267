import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { compareRuns, defaultTolerance } from '../../reports/judge/compare/compare.ts';
import { conclusion, explanations, indicatorRows, settingRows } from '../../reports/render/compare/rows.ts';
import type { Rows } from '../../reports/render/rows.ts';
import {
  type ChangesDocument,
  changesSentence,
  changesStatus,
  renderChangesHtml,
} from '../../reports/render/suite/changes.ts';
import { changeRows } from '../../reports/render/suite/rows.ts';
import { shorten } from '../../reports/render/terminal.ts';
import type { ChangedSetting, CompareDocument } from '../../reports/store/compare-document.ts';
import { openRunDirectory } from '../../scenarios/session/run-directory.ts';
import { EXIT } from '../exit.ts';
import { JSON_FLAG, withOut } from '../options.ts';
import { compareWith, readSuite } from '../suite/baseline.ts';
import { paint, printJson, say, tableLines } from '../terminal.ts';
import { comparableRuns, writeComparison } from './comparison.ts';
import { baselineRuns, baselineSuite, isSuite, runsBelow, suiteFolder } from './kept.ts';
import { isRun, requireRun } from './report.ts';

interface CompareOptions {
  readonly out: string;
  readonly baseline?: string;
  readonly json?: boolean;
  readonly tolerance?: number;
  readonly failOnRegression?: boolean;
}

/** Characters of a setting in the terminal. */
const MAX_CELL = 60;
const SIDE = 'a run (its path, its id, or "last"), a folder of runs that repeat it with other seeds, or a suite';

/** Defines `squall compare <base> <candidate>`. */
export function defineCompare(command: Command, signal: AbortSignal): void {
  withOut(command)
    .argument('<base>', `${SIDE}; left out with --baseline`)
    .argument('[candidate]', 'likewise')
    .option('--baseline <branch>', 'base: the newest of the same in the folder of --out, of this branch or commit')
    .addOption(
      new Option(
        '--tolerance <percent>',
        'part of a latency that a difference has to exceed, and a tenth of it in points of a share (default: 5, in virtual time 0)',
      ).argParser(parsePercent),
    )
    .option('--fail-on-regression', 'exit with 1 on a regression')
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      '\nExit codes: 0 compared, whatever the difference · 1 a regression, with --fail-on-regression · 2 not comparable, and why',
    )
    .action(async (one: string, other: string | undefined, options: CompareOptions) => {
      const { baseline, out } = options;
      if ((other === undefined) !== (baseline !== undefined))
        throw new SquallError(
          'option',
          'NO_BASE',
          `Expected a base and a candidate, or a candidate and --baseline, got ${other === undefined ? 'one of them' : 'both'}`,
          { next: 'For example: squall compare <base> <candidate>, or squall compare --baseline main <candidate>.' },
        );
      const candidate = other ?? one;
      const folder = suiteFolder(candidate, out);
      process.exitCode = isSuite(folder)
        ? await compareSuites(other === undefined ? undefined : one, folder, options, signal)
        : await compareSides(other === undefined ? undefined : one, candidate, options);
    });
}

/** @param base undefined for that of `--baseline` */
async function compareSides(base: string | undefined, name: string, options: CompareOptions): Promise<number> {
  const { out, tolerance, baseline } = options;
  const own = runsOf(name, out);
  const candidate = await comparableRuns(own);
  const { scenario, platform } = candidate[0]!.document;
  const earlier = base === undefined ? baselineRuns(baseline!, out, { scenario, platform, own }) : runsOf(base, out);
  requireOthers(earlier, own);
  const one = await comparableRuns(earlier);
  const document = compareRuns(
    one,
    candidate,
    tolerance === undefined
      ? defaultTolerance(one[0]!.facts.plan)
      : { latencyRatio: tolerance / 100, points: tolerance / 10 },
  );
  const { directory } = openRunDirectory(`${document.scenario}-compare`, out, systemClock);
  writeComparison(directory, document);
  if (options.json) printJson(document);
  else say(process.stdout, ...linesOf(document), '', `${paint('bold', 'report')}  ${join(directory, 'compare.html')}`);
  return exitCodeOf(document, options);
}

/** Scenario by scenario, whose pages are in folders of their own. @param base undefined for that of `--baseline` */
async function compareSuites(
  base: string | undefined,
  folder: string,
  options: CompareOptions,
  signal: AbortSignal,
): Promise<number> {
  const { out, baseline, failOnRegression } = options;
  if (options.tolerance !== undefined)
    throw new SquallError('option', 'NO_TOLERANCE', 'Expected no --tolerance with suites, got one', {
      next: 'Compare the folder of a scenario on a platform, <suite>/<scenario>/<platform>, on both sides.',
    });
  const candidate = readSuite(folder);
  const { header } = candidate;
  const { name } = header.suite as { readonly name: string };
  const earlier =
    base === undefined
      ? baselineSuite(baseline!, out, { suite: name, platforms: header.platforms, own: folder })
      : suiteFolder(base, out);
  requireOthers([earlier], [folder]);
  const one = readSuite(earlier);
  const { directory } = openRunDirectory(`${name}-compare`, out, systemClock);
  const changes = await compareWith(one, candidate, directory, signal);
  const document: ChangesDocument = { schema: 1, candidate: header.id, ...changes };
  writeFileSync(join(directory, 'compare.json'), `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
  writeFileSync(join(directory, 'compare.html'), renderChangesHtml(document), { mode: 0o600 });
  if (options.json) printJson(document);
  else
    say(
      process.stdout,
      ...tableLines(changeRows({ baseline: changes })),
      '',
      changesSentence(changes),
      `${paint('bold', 'report')}  ${join(directory, 'compare.html')}`,
    );
  const status = changesStatus(changes);
  if (status === 'fail') return failOnRegression ? EXIT.sloFailed : EXIT.pass;
  return status === 'invalid' ? EXIT.inconclusive : EXIT.pass;
}

/** @throws SquallError `SAME_SIDES`: nothing differs from itself, which would pass for a result */
function requireOthers(base: readonly string[], candidate: readonly string[]): void {
  const paths = new Set(base.map(path => realpathSync(path)));
  const both = candidate.find(path => paths.has(realpathSync(path)));
  if (both !== undefined)
    throw new SquallError('option', 'SAME_SIDES', `Expected other runs on each side, got ${both} on both`, {
      next: 'Name what it is to be compared with, or take the newest of a branch with --baseline.',
    });
}

function exitCodeOf({ verdict }: CompareDocument, { failOnRegression }: CompareOptions): number {
  if (verdict === 'incomparable' || verdict === 'invalid') return EXIT.inconclusive;
  return verdict === 'regression' && failOnRegression ? EXIT.sloFailed : EXIT.pass;
}

function linesOf(document: CompareDocument): string[] {
  const { changed, incomparable, indicators } = document;
  const table = (rows: Rows) => (rows.length > 1 ? [...tableLines(rows), ''] : []);
  // Lists are whole in the files.
  const settings = (changes: readonly ChangedSetting[]) =>
    table(settingRows(changes).map(([path, ...values]) => [path!, ...values.map(text => shorten(text, MAX_CELL))]));
  return [
    conclusion(document),
    '',
    ...(indicators.length > 0 ? table(indicatorRows(document)) : []),
    ...settings(incomparable),
    ...settings(changed),
    ...explanations(document),
  ];
}

/** Directories of the runs of a side. @throws SquallError `UNKNOWN_RUN`, `ONE_SUITE` */
function runsOf(name: string, out: string): readonly string[] {
  const suite = suiteFolder(name, out);
  if (isSuite(suite))
    throw new SquallError(
      'option',
      'ONE_SUITE',
      `Expected a suite on both sides or on none, got ${suite} as the base`,
      {
        next: `Compare with the runs of the same scenario in it: ${join(suite, '<scenario>/<platform>')}.`,
      },
    );
  const folder = pathFrom(name);
  const inside = isRun(folder) ? [] : runsBelow(folder);
  return inside.length > 0 ? inside : [requireRun(name, out)];
}

function parsePercent(text: string): number {
  const value = /^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1];
  if (value === undefined || Number(value) > 100)
    throw new InvalidArgumentError('Expected a percentage from 0 to 100, such as 5%.');
  return Number(value);
}
