import { existsSync, rmSync } from 'node:fs';
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
import { wholeNumber } from '../options.ts';
import { foldersIn } from '../stored/report.ts';
import { counted, paint, say } from '../terminal.ts';
import { type Night, nightOf } from './night.ts';

/** Options of commands that keep a history. */
export interface RetentionOptions {
  readonly keepDays?: number;
  /** In bytes. */
  readonly keepSize?: number;
}

/** What a history is updated with. */
export interface HistoryUpdate extends RetentionOptions {
  /** Folder in which the pages of nights are looked for. */
  readonly out: string;
  /** Commit of what is appended. @default what was checked out when it ran */
  readonly commit?: string | undefined;
}

/** Says what was done. */
type Tell = (line: string) => void;

const MAX_DAYS = 36_500;
/** Levels below the folder of `--out` in which the folder of a night is looked for. */
const LEVELS = 2;
/** Changes that the terminal lists. */
const MAX_TOLD = 20;

/** Adds `--keep-days` and `--keep-size`. */
export function withRetention(command: Command): Command {
  return command
    .option(
      '--keep-days <n>',
      'remove nights of the history that are older; the newest stays',
      wholeNumber(1, MAX_DAYS),
    )
    .addOption(
      new Option(
        '--keep-size <size>',
        'remove the oldest nights of the history beyond this size of all; the newest stays',
      ).argParser(parseSize),
    );
}

/**
 * Appends suites or runs to a history, removes what it may not keep any longer, and writes its pages.
 * @param folders to append
 * @param stream gets a line for each that was appended or removed, then what changed
 * @returns what it shows, and what had to be left out, which stderr has been told
 * @throws SquallError `EMPTY_HISTORY`, `OUTPUT_NOT_WRITABLE`, `DISK_FULL`; as `readJournal` for a folder that is none of a suite
 */
export async function updateHistory(
  history: string,
  folders: readonly string[],
  options: HistoryUpdate,
  stream: NodeJS.WritableStream,
): Promise<{ readonly document: TrendDocument; readonly problems: readonly string[] }> {
  const tell: Tell = line => say(stream, line);
  const problems: string[] = [];
  for (const folder of folders) problems.push(...(await append(history, folder, options.commit, tell)));
  const { nights, damaged } = await readNights(history);
  problems.push(...damaged.map(({ path, reason }) => `${path} is left out: ${reason}`));
  if (nights.length === 0 && problems.length === 0)
    throw new SquallError('option', 'EMPTY_HISTORY', `Expected ${history} to be a history with nights, found none`, {
      next: 'Append the folder of a suite: `squall trend <history> <folder>`.',
    });
  const kept = foldersBelow(pathFrom(options.out), new Set(nights.map(({ rows }) => rows[0]!.night)));
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
  say(stream, ...summaryLines(document), `${paint('bold', 'history')}  ${join(history, 'index.html')}`);
  return { document, problems };
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
  commit: string | undefined,
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
  tell(`${id} appended, with ${counted(rows.length, 'result')}`);
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
function retained(nights: readonly StoredNight[], { keepDays, keepSize }: RetentionOptions, tell: Tell): StoredNight[] {
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
