import { existsSync, rmSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { SIZE_WORDS, sizeBytes } from '../../harness/quantity.ts';
import { trendOf } from '../../reports/judge/trend/trend.ts';
import { ARTIFACTS, replaceFiles, SUITE_FILES } from '../../reports/publish.ts';
import { renderTrendPages } from '../../reports/render/trend/html.ts';
import {
  changesOf,
  commitsText,
  conclusion,
  dateText,
  indicatorText,
  stepText,
} from '../../reports/render/trend/texts.ts';
import { hasNight, readNights, type StoredNight, surplusNights, writeNight } from '../../reports/store/history-file.ts';
import type { TrendDocument } from '../../reports/store/trend-document.ts';
import { diskFull, isDiskFull } from '../../scenarios/session/run-directory.ts';
import { EXIT } from '../exit.ts';
import { JSON_FLAG, wholeNumber, withOut } from '../options.ts';
import { suiteFolder } from '../stored/kept.ts';
import { foldersIn } from '../stored/report.ts';
import { paint, printJson, say } from '../terminal.ts';
import { type Night, nightOf } from './night.ts';

interface TrendOptions {
  readonly out: string;
  readonly commit?: string;
  readonly keepDays?: number;
  readonly keepSize?: number;
  readonly json?: boolean;
}

/** Says what was done, or what is wrong. */
type Tell = (line: string) => void;

const MAX_DAYS = 36_500;
/** Levels below the folder of `--out` in which the folder of a night is looked for. */
const LEVELS = 2;
/** Changes that the terminal lists. */
const MAX_TOLD = 20;

/** Defines `squall trend <history> [folder…]`, which appends suites to a history and shows what changed in it from night to night. */
export function defineTrend(command: Command): void {
  withOut(command)
    .argument('<history>', 'folder of the history; made if it does not exist')
    .argument('[folder...]', 'suites or runs to append: a folder, or an id in that of --out')
    .option('--commit <name>', 'commit of what is appended (default: what was checked out when it ran)', parseCommit)
    .option('--keep-days <n>', 'remove nights that are older; the newest stays', wholeNumber(1, MAX_DAYS))
    .addOption(
      new Option('--keep-size <size>', 'remove the oldest nights beyond this size of all; the newest stays').argParser(
        parseSize,
      ),
    )
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      '\nExit codes: 0 done · 3 there is nothing to append, or to show · 4 a night or a run cannot be read, and is left out',
    )
    .action(async (history: string, folders: string[], options: TrendOptions) => {
      process.exitCode = await trend(pathFrom(history), folders, options);
    });
}

async function trend(history: string, folders: readonly string[], options: TrendOptions): Promise<number> {
  const { out, json } = options;
  if (statSync(history, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new SquallError('option', 'NO_FOLDER', `Expected <history> to be a folder, got the file ${history}`, {
      next: 'Name the folder that holds the nights, or a new one.',
    });
  const problems: string[] = [];
  const tell: Tell = line => say(json ? process.stderr : process.stdout, line);
  for (const written of folders) problems.push(...(await append(history, suiteFolder(written, out), options, tell)));
  const { nights, damaged } = await readNights(history);
  problems.push(...damaged.map(({ path, reason }) => `${path} is left out: ${reason}`));
  if (nights.length === 0 && problems.length === 0)
    throw new SquallError('option', 'EMPTY_HISTORY', `Expected ${history} to be a history with nights, found none`, {
      next: 'Append the folder of a suite: `squall trend <history> <folder>`.',
    });
  const kept = foldersBelow(pathFrom(out), new Set(nights.map(({ rows }) => rows[0]!.night)));
  const document = trendOf({
    nights: retained(nights, options, tell),
    damaged: damaged.map(({ path, reason }) => ({ file: basename(path), reason })),
    pageOf: (night, isSuite) => {
      const folder = kept.get(night);
      const page = folder && join(folder, isSuite ? SUITE_FILES.html : ARTIFACTS.html);
      return page !== undefined && existsSync(page) ? relative(history, page) : undefined;
    },
  });
  write(history, [...renderTrendPages(document), ['trend.json', `${JSON.stringify(document)}\n`]]);
  for (const problem of problems) say(process.stderr, `${paint('red', '✗')} ${problem}`);
  if (json) printJson(document);
  else say(process.stdout, ...summaryLines(document), `${paint('bold', 'page')}  ${join(history, 'index.html')}`);
  return problems.length > 0 ? EXIT.environment : EXIT.pass;
}

/** @throws SquallError `OUTPUT_NOT_WRITABLE`, `DISK_FULL` */
function write(history: string, files: Iterable<readonly [path: string, text: string]>): void {
  try {
    replaceFiles(history, files);
  } catch (cause) {
    if (isDiskFull(cause)) throw diskFull(history, cause);
    const message = `Expected <history> to be a writable folder, got ${history}: ${messageOf(cause)}`;
    const next = `Make ${history} writable for this user, or work on a copy of it.`;
    throw new SquallError('environment', 'OUTPUT_NOT_WRITABLE', message, { cause, next });
  }
}

/** Appends the night of a folder, unless it is there. @returns what had to be left out */
async function append(
  history: string,
  folder: string,
  { commit }: TrendOptions,
  tell: Tell,
): Promise<readonly string[]> {
  let night: Night;
  try {
    night = await nightOf(folder, commit);
  } catch (error) {
    if (!(error instanceof SquallError) || error.kind === 'option') throw error;
    return [`${folder} is left out: ${error.message}.`];
  }
  const { id, rows, left } = night;
  if (hasNight(history, id)) {
    tell(`${id} is there already, and stays as it is`);
    return [];
  }
  if (rows.length === 0) return [...left, `No run of ${folder} can be appended.`];
  try {
    writeNight(history, rows);
  } catch (error) {
    return [...left, `${folder} cannot be appended: ${messageOf(error)}.`];
  }
  tell(`${id} appended, with ${rows.length} ${rows.length === 1 ? 'result' : 'results'}`);
  return left;
}

/** Folders of nights by their ids, in a folder or some levels below: a site has one a night and a platform. */
function foldersBelow(folder: string, ids: ReadonlySet<string>, levels = LEVELS): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of foldersIn(folder)) {
    const id = basename(path);
    if (ids.has(id)) found.set(id, path);
    else if (levels > 0) for (const [id, below] of foldersBelow(path, ids, levels - 1)) found.set(id, below);
  }
  return found;
}

/** Removes the nights that are too old or too many, and says so. @returns the others */
function retained(nights: readonly StoredNight[], { keepDays, keepSize }: TrendOptions, tell: Tell): StoredNight[] {
  const surplus = surplusNights(nights, { nowMs: systemClock.date().getTime(), keepDays, keepBytes: keepSize });
  for (const [night, why] of surplus) {
    rmSync(night.path);
    tell(`${night.rows[0]!.night} removed: ${why}`);
  }
  return nights.filter(night => !surplus.has(night));
}

function summaryLines(document: TrendDocument): string[] {
  const told = changesOf(document);
  const lines = told.slice(0, MAX_TOLD).map(({ series, change }) => {
    const [colour, word] = change.kind === 'worse' ? (['red', '✗ worse'] as const) : (['green', '✓ better'] as const);
    const since = `since ${dateText(document.nights[change.night]!, document.nights)}, commit ${commitsText(change, document.nights)}`;
    return `${paint(colour, word)}  ${series.scenario} on ${series.platform}: ${indicatorText(series)}: ${stepText(change, series)} ${since}`;
  });
  const more = told.length - lines.length;
  return [...lines, ...(more > 0 ? [`and ${more} more on the page`] : []), paint('bold', conclusion(document))];
}

function parseSize(text: string): number {
  const bytes = sizeBytes(text);
  if (bytes === undefined || bytes === 0) throw new InvalidArgumentError(`Expected ${SIZE_WORDS}, above 0.`);
  return bytes;
}

function parseCommit(text: string): string {
  if (/^\w[\w./+-]{0,99}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected a commit, or another name of letters, digits and ./+-_ without blanks.');
}
