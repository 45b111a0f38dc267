import { chmodSync, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SchemaElement } from 'hyparquet';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { type RequestRecord, type Requests, requestIdOf } from '../../harness/requests.ts';
import { journalsOf, readJournals } from './requests/journals.ts';
import { NAMES, type Name, ROWS } from './requests/row.ts';
import { readSealed } from './requests/sealed.ts';

/** Name of the sealed file, whose records are in scheduled order. */
export const REQUESTS_FILE = 'requests.parquet';

/**
 * Columns of the sealed file: the fields of {@link RequestRecord} under their own names, units last. `gaps` is a list; the
 * `…Ms` columns are doubles, so that a record is read exactly as it was written.
 */
const COLUMNS: Readonly<Record<keyof RequestRecord, Column>> = {
  index: { type: 'INT32' },
  scheduledMs: { type: 'DOUBLE' },
  sentMs: { type: 'DOUBLE', repetition_type: 'OPTIONAL' },
  firstTokenMs: { type: 'DOUBLE', repetition_type: 'OPTIONAL' },
  endMs: { type: 'DOUBLE' },
  outcome: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  status: { type: 'INT32' },
  promptTokens: { type: 'INT32' },
  outputTokens: { type: 'INT32' },
  stage: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  upstream: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  gaps: { listOf: 'INT32' },
  lastTokenMs: { type: 'DOUBLE', isOptional: true },
  frames: { type: 'INT32', isOptional: true },
  reads: { type: 'INT32', isOptional: true },
  usedPromptTokens: { type: 'INT32', isOptional: true },
  cachedPromptTokens: { type: 'INT32', isOptional: true },
  resent: { type: 'BOOLEAN', isOptional: true },
  sentAs: { type: 'INT32', isOptional: true },
  attempts: { type: 'INT32', isOptional: true },
  attemptsMs: { listOf: 'DOUBLE', isOptional: true },
  attemptOutcomes: { type: 'BYTE_ARRAY', converted_type: 'UTF8', isOptional: true },
  class: { type: 'BYTE_ARRAY', converted_type: 'UTF8', isOptional: true },
  session: { type: 'INT32', isOptional: true },
  turn: { type: 'INT32', isOptional: true },
};

/** Column, or a list of elements; an optional one is present only if some record of the run has the field. */
interface Column extends Partial<SchemaElement> {
  readonly listOf?: 'INT32' | 'DOUBLE';
  readonly isOptional?: true;
}

/** Column for those who look for a line of a server's log: the `x-request-id`. Not read back, since it follows from the others. */
const ID_COLUMN = 'requestId';
const ID_ELEMENT: SchemaElement = {
  name: ID_COLUMN,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'REQUIRED',
};

const OPTIONAL_NAMES = NAMES.filter(name => COLUMNS[name].isOptional);

function elementsOf(name: Name): SchemaElement[] {
  const { listOf, isOptional, ...element } = COLUMNS[name];
  const repetition_type = isOptional ? 'OPTIONAL' : 'REQUIRED';
  if (!listOf) return [{ name, repetition_type, ...element } as SchemaElement];
  return [
    { name, repetition_type, converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: listOf, repetition_type: 'REQUIRED' },
  ];
}

const NOTES = [
  { key: 'squall.time', value: 'ms on the run timeline; 0 is the start of the load phase, warm-up is negative' },
  { key: 'squall.attemptsMs', value: 'for requests with several attempts: send and end time of each, in pairs' },
  { key: 'squall.gaps', value: 'pairs of bucket and count; bucket b > 0 is about 0.01 * 1.02^(b - 0.5) ms' },
];

/**
 * Converts the journals of a run directory to the sealed columnar file and deletes them; does nothing without a journal. The file
 * gets its final name only when complete, so a kill loses nothing. It is written one row group at a time.
 *
 * @param sender id of the run that sent the request at an index, see `senderOf`
 * @returns the number of records
 * @throws SquallError `BAD_JOURNAL` when a line other than a truncated last one cannot be read
 */
export async function sealRequests(
  directory: string,
  sender: (index: number) => string,
  signal?: AbortSignal,
): Promise<number> {
  const journals = journalsOf(directory);
  if (journals.length === 0) return 0;
  const records = await readJournals(journals, signal);
  await writeRequests(directory, records, sender);
  await Promise.all(journals.map(journal => rm(journal)));
  return records.length;
}

/** Writes the sealed file of a run directory. The records must be in scheduled order. @param sender as for {@link sealRequests} */
export async function writeRequests(
  directory: string,
  records: Pick<Requests, 'forEach' | typeof Symbol.iterator>,
  sender: (index: number) => string,
): Promise<void> {
  const target = join(directory, REQUESTS_FILE);
  const set = new Set<Name>();
  records.forEach(record => {
    for (const name of OPTIONAL_NAMES) if (record[name] !== undefined) set.add(name);
  });
  const names = NAMES.filter(name => !COLUMNS[name].isOptional || set.has(name));
  await parquetWriteRows({
    writer: fileWriter(`${target}.part`),
    rows: rowsOf(records, sender),
    columns: [ID_COLUMN, ...names].map(name => ({ name })),
    schema: [{ name: 'requests', num_children: 1 + names.length }, ID_ELEMENT, ...names.flatMap(elementsOf)],
    rowGroupSize: 4 * ROWS,
    kvMetadata: NOTES,
    createdBy: 'squall',
  });
  chmodSync(`${target}.part`, 0o600);
  await rename(`${target}.part`, target);
}

function* rowsOf(
  records: Iterable<RequestRecord>,
  sender: (index: number) => string,
): Generator<Record<string, unknown>> {
  for (const record of records) yield { [ID_COLUMN]: requestIdOf(record, sender(record.index)), ...record };
}

/**
 * Request records of a run directory in scheduled order: from the sealed file, or from the journals of a run that was killed before
 * it could seal them; none if the run sent nothing.
 * @throws SquallError `BAD_JOURNAL`, `BAD_REQUESTS`
 */
export async function readRequests(directory: string, signal?: AbortSignal): Promise<Requests> {
  const sealed = join(directory, REQUESTS_FILE);
  return existsSync(sealed) ? readSealed(sealed, signal) : readJournals(journalsOf(directory), signal);
}
