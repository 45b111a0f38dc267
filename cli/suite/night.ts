import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { readHistory } from '../../harness/history.ts';
import { rowsOfRun } from '../../reports/judge/trend/night-rows.ts';
import { RUNS } from '../../reports/judge/trend/trend.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import type { HistoryRow } from '../../reports/store/history-file.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { readJournal, type SuiteEntry } from '../../scenarios/suite/journal.ts';
import { damageOf } from '../../scenarios/suite/run-one.ts';
import { isRun, judgeStored } from '../stored/report.ts';

/** A night of a history, before it is written. */
export interface Night {
  readonly id: string;
  readonly rows: readonly HistoryRow[];
  /** What had to be left out, and why, as sentences. */
  readonly left: readonly string[];
}

/**
 * The night of a suite, as far as its runs have ended and are as they were, or of a single run.
 * @param commit instead of the one that was recorded
 * @throws SquallError as `readJournal`, or as `judgeStored`; `RENAMED_RUN`
 */
export async function nightOf(folder: string, commit?: string): Promise<Night> {
  return isRun(folder) ? nightOfRun(folder, commit) : nightOfSuite(folder, commit);
}

async function nightOfRun(folder: string, commit: string | undefined): Promise<Night> {
  return judgeStored(folder, ({ document, plan }) => {
    const { revision } = document;
    const { id, startedAt } = document.platform === 'virtual' ? namedBy(folder) : document;
    if (document.interrupted) return { id, rows: [], left: [`${folder} was interrupted.`] };
    const night = { night: id, suite: RUNS, startedAt, commit: commit ?? revision?.commit ?? null };
    return { id, rows: rowsOfRun(night, { document, plan, repeat: 1 }), left: [] };
  });
}

/** Id and start of a run in virtual time by its folder: in its files both are the same whenever it runs. @throws SquallError `RENAMED_RUN` */
function namedBy(folder: string): Pick<RunDocument, 'id' | 'startedAt'> {
  const id = basename(folder);
  const [, ...parts] = /^[\w-]+-(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[\da-f]{4}$/.exec(id) ?? [];
  const [year, month, day, hour, minute, second] = parts;
  const startedAt = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  if (parts.length > 0 && !Number.isNaN(Date.parse(startedAt))) return { id, startedAt };
  const message = `Expected the folder of a run in virtual time to be named by when it ran, such as steady-20300101-021700-1a2b, got ${id}`;
  throw new SquallError('environment', 'RENAMED_RUN', message, { next: 'Give the folder the name that it had.' });
}

function nightOfSuite(folder: string, commit: string | undefined): Night {
  const { header, entries } = readJournal(folder);
  const { id, startedAt, machine, versions } = header;
  const { name } = header.suite as { readonly name: string };
  const night = { night: id, suite: name, startedAt, commit: commit ?? header.revision?.commit ?? null };
  const rows: HistoryRow[] = [];
  const left: string[] = [];
  for (const entry of entries.filter(({ without }) => without === null)) {
    try {
      const { scenario, platform, seed, repeat, run } = entry;
      const lost = { scenario, platform, seed, verdict: run.verdict, slos: [], machine, versions };
      rows.push(...rowsOfRun(night, { repeat, ...(storedRun(folder, entry) ?? { document: lost }) }));
    } catch (error) {
      left.push(messageOf(error));
    }
  }
  return { id, rows, left };
}

/** Undefined for a run that left nothing. @throws Error for one whose files are no longer as they were */
function storedRun(folder: string, { run }: SuiteEntry) {
  const damage = damageOf(folder, run);
  if (damage !== undefined) throw new Error(damage);
  if (run.directory === undefined || run.files['run.json'] === undefined) return undefined;
  const directory = join(folder, run.directory);
  const document = JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as RunDocument;
  return { document, plan: readHistory(join(directory, ARTIFACTS.events)).find(event => event.type === 'plan')?.plan };
}
