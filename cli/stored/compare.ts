import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { type ComparableRun, compareRuns, defaultTolerance } from '../../reports/judge/compare/compare.ts';
import { factsOf } from '../../reports/judge/fold.ts';
import { renderCompareHtml } from '../../reports/render/compare/html.ts';
import { renderCompareMarkdown } from '../../reports/render/compare/markdown.ts';
import { conclusion, explanations, indicatorRows, settingRows } from '../../reports/render/compare/rows.ts';
import type { CompareDocument } from '../../reports/store/compare-document.ts';
import { openRunDirectory } from '../../scenarios/session/run-directory.ts';
import { EXIT } from '../exit.ts';
import { JSON_FLAG, withOut } from '../options.ts';
import { paint, printJson, say } from '../terminal.ts';
import { tableLines } from '../variants/compare.ts';
import { isRun, judgeStored, requireRun } from './report.ts';

interface CompareOptions {
  readonly out: string;
  readonly json?: boolean;
  readonly tolerance?: number;
  readonly failOnRegression?: boolean;
}

const SIDE = 'a run (its path, its id, or "last"), or a folder of runs that repeat it with other seeds';

/** Defines `squall compare <base> <candidate>`. */
export function defineCompare(command: Command): void {
  withOut(command)
    .argument('<base>', SIDE)
    .argument('<candidate>', SIDE)
    .addOption(
      new Option(
        '--tolerance <percent>',
        'part of a latency that a difference has to exceed, and a tenth of it in points of a share (default: 5, in virtual time 0)',
      ).argParser(parsePercent),
    )
    .option('--fail-on-regression', 'exit with 1 on a regression')
    .option(...JSON_FLAG)
    .action(compare);
}

async function compare(base: string, candidate: string, options: CompareOptions): Promise<void> {
  const [one, other] = [await sideOf(base, options.out), await sideOf(candidate, options.out)];
  const { tolerance } = options;
  const document = compareRuns(
    one,
    other,
    tolerance === undefined
      ? defaultTolerance(one[0]!.facts.plan)
      : { latencyRatio: tolerance / 100, points: tolerance / 10 },
  );
  const { directory } = openRunDirectory(`${document.scenario}-compare`, options.out, systemClock);
  writeComparison(directory, document);
  if (options.json) printJson(document);
  else say(process.stdout, ...linesOf(document), '', `${paint('bold', 'report')}  ${join(directory, 'compare.html')}`);
  process.exitCode = exitCodeOf(document, options);
}

/** Writes `compare.json`, `compare.html` and `compare.md` into a folder, for this user alone. */
export function writeComparison(directory: string, document: CompareDocument): void {
  const files = {
    'compare.json': `${JSON.stringify(document, null, 2)}\n`,
    'compare.html': renderCompareHtml(document),
    'compare.md': renderCompareMarkdown(document),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
}

function exitCodeOf({ verdict }: CompareDocument, { failOnRegression }: CompareOptions): number {
  if (verdict === 'incomparable' || verdict === 'invalid') return EXIT.inconclusive;
  return verdict === 'regression' && failOnRegression ? EXIT.sloFailed : EXIT.pass;
}

function linesOf(document: CompareDocument): string[] {
  const { changed, incomparable, indicators } = document;
  const table = (rows: Parameters<typeof tableLines>[0]) => (rows.length > 1 ? [...tableLines(rows), ''] : []);
  return [
    conclusion(document),
    '',
    ...(indicators.length > 0 ? table(indicatorRows(document)) : []),
    ...table(settingRows(incomparable)),
    ...table(settingRows(changed)),
    ...explanations(document),
  ];
}

/** The runs of a side, by their seeds. @throws SquallError `UNKNOWN_RUN`, `BAD_RUN` */
async function sideOf(name: string, out: string): Promise<ComparableRun[]> {
  const folder = pathFrom(name);
  const inside = existsSync(folder) && !isRun(folder) ? runsBelow(folder) : [];
  return comparableRuns(inside.length > 0 ? inside : [requireRun(name, out)]);
}

/** Runs of these directories, by their seeds. @throws SquallError `BAD_RUN` */
export async function comparableRuns(directories: readonly string[]): Promise<ComparableRun[]> {
  const runs: ComparableRun[] = [];
  for (const directory of directories)
    runs.push(
      await judgeStored(directory, ({ document, plan }, { events, records }) => ({
        document,
        facts: factsOf(plan, events, records),
      })),
    );
  return runs.sort((a, b) => a.document.seed - b.document.seed);
}

/** Runs in a folder. */
function runsBelow(folder: string): string[] {
  const inside = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory());
  return inside.map(({ name }) => join(folder, name)).filter(isRun);
}

function parsePercent(text: string): number {
  const value = /^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1];
  if (value === undefined || Number(value) > 100)
    throw new InvalidArgumentError('Expected a percentage from 0 to 100, such as 5%.');
  return Number(value);
}
