import { chmodSync, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { freshPath } from '../../harness/input/fresh-file.ts';
import { type RequestRecord, type Requests, requestIdOf } from '../../harness/requests.ts';
import { GROWING_ROWS, ID_COLUMN, NOTES, OPTIONAL_NAMES, requiredOr, schemaOf } from './requests/columns.ts';
import { GrowingFile, grownPart, isGrowing } from './requests/growing.ts';
import { journalsOf, readJournals } from './requests/journals.ts';
import { type Name, ROWS } from './requests/row.ts';
import { readGrown, readSealed } from './requests/sealed.ts';
import { TableBuilder } from './requests/table.ts';

/** Name of the sealed file, whose records are in scheduled order. */
export const REQUESTS_FILE = 'requests.parquet';

/**
 * Converts the journals of a run directory to the sealed columnar file and deletes them; does nothing without a journal. The file
 * gets its final name only when complete, so a kill loses nothing. It is written one row group at a time. That of a long run, which has
 * several journals, has been growing while the run went on, see `sealing.ts`.
 *
 * @param sender id of the run that sent the request at an index, see `senderOf`
 * @param groupRows records of a row group of a long run
 * @returns the number of records
 * @throws SquallError `BAD_JOURNAL` when a line other than a truncated last one cannot be read
 */
export async function sealRequests(
  directory: string,
  sender: (index: number) => string,
  signal?: AbortSignal,
  groupRows = GROWING_ROWS,
): Promise<number> {
  const journals = journalsOf(directory);
  if (isGrowing(directory) || journals.some(({ length }) => length > 1))
    return sealLong(directory, sender, groupRows, signal);
  if (journals.length === 0) return 0;
  const records = await readJournals(journals, signal);
  await writeRequests(directory, records, sender);
  await Promise.all(journals.flat().map(journal => rm(journal)));
  return records.length;
}

/** Adds to the growing file what it has not got. Whatever ends this, each record is in it or in a journal. */
async function sealLong(
  directory: string,
  sender: (index: number) => string,
  groupRows: number,
  signal?: AbortSignal,
): Promise<number> {
  using growing = new GrowingFile(directory);
  const journals = journalsOf(directory);
  const before = { builder: new TableBuilder(), chunks: [], lastIndex: growing.lastIndex };
  for (const group of groupsOf(await readJournals(journals, signal, before), groupRows)) growing.append(group, sender);
  await Promise.all(journals.flat().map(journal => rm(journal)));
  growing.finish(join(directory, REQUESTS_FILE));
  return growing.rows;
}

function* groupsOf(records: Iterable<RequestRecord>, groupRows: number): Generator<RequestRecord[]> {
  let group: RequestRecord[] = [];
  for (const record of records) {
    group.push(record);
    if (group.length < groupRows) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Writes the sealed file of a run directory. The records must be in scheduled order. @param sender as for {@link sealRequests} */
export async function writeRequests(
  directory: string,
  records: Pick<Requests, 'forEach' | typeof Symbol.iterator>,
  sender: (index: number) => string,
): Promise<void> {
  const target = join(directory, REQUESTS_FILE);
  const fresh = freshPath(target);
  const set = new Set<Name>();
  records.forEach(record => {
    for (const name of OPTIONAL_NAMES) if (record[name] !== undefined) set.add(name);
  });
  const names = requiredOr(set);
  await parquetWriteRows({
    writer: fileWriter(fresh),
    rows: rowsOf(records, sender),
    columns: [ID_COLUMN, ...names].map(name => ({ name })),
    schema: schemaOf(names),
    rowGroupSize: 4 * ROWS,
    kvMetadata: NOTES,
    createdBy: 'squall',
  });
  chmodSync(fresh, 0o600);
  await rename(fresh, target);
}

function* rowsOf(
  records: Iterable<RequestRecord>,
  sender: (index: number) => string,
): Generator<Record<string, unknown>> {
  for (const record of records) yield { [ID_COLUMN]: requestIdOf(record, sender(record.index)), ...record };
}

/**
 * Request records of a run directory in scheduled order: from the sealed file, or from what a run that was killed had sealed of it, and its
 * journals; none if the run sent nothing.
 * @throws SquallError `BAD_JOURNAL`, `BAD_REQUESTS`
 */
export async function readRequests(directory: string, signal?: AbortSignal): Promise<Requests> {
  const sealed = join(directory, REQUESTS_FILE);
  if (existsSync(sealed)) return readSealed(sealed, signal);
  const builder = new TableBuilder();
  const part = grownPart(directory);
  if (!part) return readJournals(journalsOf(directory), signal);
  const chunks = await readGrown(part, builder, signal);
  return readJournals(journalsOf(directory), signal, { builder, chunks, lastIndex: part.lastIndex });
}
