import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { asyncBufferFromFile, parquetReadObjects, type SchemaElement } from 'hyparquet';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { SquallError } from '../../harness/errors.ts';
import type { RequestRecord } from '../../harness/requests.ts';

/** The journals that workers of the generator append to, in the order in which requests end. */
const JOURNALS = /^requests(\.\d+)?\.ndjson$/;
/** Name of the sealed file, in scheduled order. */
export const REQUESTS_FILE = 'requests.parquet';

/**
 * Columns of the sealed file: the fields of {@link RequestRecord} under their own names, units last. `gaps` is a list; the
 * `…Ms` columns are doubles, so that reading gives back exactly what was written.
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
  attempts: { type: 'INT32', isRare: true },
  attemptsMs: { listOf: 'DOUBLE', isRare: true },
  attemptOutcomes: { type: 'BYTE_ARRAY', converted_type: 'UTF8', isRare: true },
  class: { type: 'BYTE_ARRAY', converted_type: 'UTF8', isRare: true },
  session: { type: 'INT32', isRare: true },
  turn: { type: 'INT32', isRare: true },
};

/** A column, or a list of so-typed elements; a rare one is there only when some record of the run has the field. */
interface Column extends Partial<SchemaElement> {
  readonly listOf?: 'INT32' | 'DOUBLE';
  readonly isRare?: true;
}

type Name = keyof RequestRecord;
const NAMES = Object.keys(COLUMNS) as Name[];

const RARE = NAMES.filter(name => COLUMNS[name].isRare);

function schemaOf(names: readonly Name[]): SchemaElement[] {
  return [{ name: 'requests', num_children: names.length }, ...names.flatMap(elementsOf)];
}

function elementsOf(name: Name): SchemaElement[] {
  const { listOf, isRare, ...element } = COLUMNS[name];
  const repetition_type = isRare ? 'OPTIONAL' : 'REQUIRED';
  if (!listOf) return [{ name, repetition_type, ...element } as SchemaElement];
  return [
    { name, repetition_type, converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: listOf, repetition_type: 'REQUIRED' },
  ];
}

const NOTES = [
  { key: 'squall.time', value: 'ms on the run time line; 0 is when driving starts, warm-up is negative' },
  {
    key: 'squall.attemptsMs',
    value: 'of requests sent more than once: when each attempt was sent and ended, in pairs',
  },
  { key: 'squall.gaps', value: 'pairs of bucket and count; bucket b > 0 is about 0.01 * 1.02^(b - 0.5) ms' },
];

/**
 * Turns the journals of a run directory into the sealed columnar file and deletes them. Does nothing where there is no
 * journal. The file appears under its name only when it is whole, so a kill in between loses nothing. The records are held
 * in memory once, to put them in order; the file is written one row group at a time.
 *
 * @returns how many records there are
 * @throws SquallError `BAD_JOURNAL` when a line other than a cut last one cannot be read
 */
export async function sealRequests(directory: string, signal?: AbortSignal): Promise<number> {
  const journals = journalsOf(directory);
  if (journals.length === 0) return 0;
  const records = await readJournals(journals, signal);
  await writeRequests(directory, records);
  await Promise.all(journals.map(journal => rm(journal)));
  return records.length;
}

/** Writes the sealed file of a run directory. The records must be in scheduled order. */
export async function writeRequests(directory: string, records: readonly RequestRecord[]): Promise<void> {
  const target = join(directory, REQUESTS_FILE);
  const rows = records as unknown as Record<string, unknown>[];
  const names = NAMES.filter(name => !COLUMNS[name].isRare || records.some(record => record[name] !== undefined));
  await parquetWriteRows({
    writer: fileWriter(`${target}.part`),
    rows,
    columns: names.map(name => ({ name })),
    schema: schemaOf(names),
    rowGroupSize: 50_000,
    kvMetadata: NOTES,
    createdBy: 'squall',
  });
  await rename(`${target}.part`, target);
}

/**
 * The request records of a run directory in scheduled order: from the sealed file, or from the journal of a run that was
 * killed before it could seal; none where the run never came to send.
 * @throws SquallError `BAD_JOURNAL`
 */
export async function readRequests(directory: string, signal?: AbortSignal): Promise<RequestRecord[]> {
  const sealed = join(directory, REQUESTS_FILE);
  if (existsSync(sealed)) {
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(sealed) });
    signal?.throwIfAborted();
    for (const row of rows)
      for (const name of RARE) if (row[name] === null || row[name] === undefined) delete row[name];
    return rows as unknown as RequestRecord[];
  }
  return readJournals(journalsOf(directory), signal);
}

function journalsOf(directory: string): string[] {
  const names = readdirSync(directory).filter(name => JOURNALS.test(name));
  return names.sort().map(name => join(directory, name));
}

/** The records of all journals together, in scheduled order. */
async function readJournals(journals: readonly string[], signal?: AbortSignal): Promise<RequestRecord[]> {
  const records: RequestRecord[] = [];
  for (const journal of journals) for (const record of await readJournal(journal, signal)) records.push(record);
  return records.sort((a, b) => a.index - b.index);
}

/** Reads a journal line by line; a last line that was cut off by a kill is left out. */
async function readJournal(path: string, signal?: AbortSignal): Promise<RequestRecord[]> {
  const records: RequestRecord[] = [];
  let bad: { readonly line: number; readonly cause: unknown } | undefined;
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path, { ...(signal ? { signal } : {}) }) })) {
    line += 1;
    if (text === '') continue;
    if (bad) break;
    try {
      records.push(JSON.parse(text));
    } catch (cause) {
      bad = { line, cause };
    }
  }
  if (bad && bad.line !== line)
    throw new SquallError('environment', 'BAD_JOURNAL', `Line ${bad.line} of ${path} is not a request record`, {
      next: 'Restore the file, or judge without it by moving it away.',
      cause: bad.cause,
    });
  return records;
}
