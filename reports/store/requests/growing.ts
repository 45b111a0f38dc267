import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FileMetaData, parquetMetadata, type RowGroup } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { readBytes } from '../../../harness/input/files.ts';
import { freshPath } from '../../../harness/input/fresh-file.ts';
import { type RequestRecord, requestIdOf } from '../../../harness/requests.ts';
import { ID_COLUMN, NOTES, schemaOf } from './columns.ts';
import { NAMES, type Name } from './row.ts';

/** The sealed file of a long run while it grows, and the footer that it would end with now. */
const PART = 'requests.parquet.growing';
const FOOTER = 'requests.parquet.footer';
const MAGIC_BYTES = 4;
const INDEX: Name = 'index';
/** That of 100 million requests has 5 MB. */
const MAX_FOOTER_BYTES = 64 * 2 ** 20;

/**
 * Sealed file of a run that goes on: a Parquet file whose row groups are added as they are complete. Its footer is kept beside it, and
 * replaced at once after each row group, so that whatever ends the process leaves all row groups that the footer names.
 *
 * ```
 * requests.parquet.growing   PAR1 │ row group │ row group │ (one that is being written)
 * requests.parquet.footer          └──── named here ─────┘
 * ```
 *
 * All fields have a column, since nobody knows which of them later records will have.
 */
export class GrowingFile {
  readonly #directory: string;
  readonly #file: number;
  #groups: RowGroup[];
  #endByte: number;

  /** Begins the file of a run directory, or goes on with the one that is there. */
  constructor(directory: string) {
    this.#directory = directory;
    const before = grownPart(directory);
    this.#file = openSync(join(directory, PART), before ? 'r+' : 'w+', 0o600);
    if (!before) writeSync(this.#file, 'PAR1', 0);
    this.#groups = before?.metadata.row_groups ?? [];
    this.#endByte = endOf(this.#groups);
  }

  get rows(): number {
    return this.#groups.reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
  }

  /** Index of the last record; -1 without one. */
  get lastIndex(): number {
    return lastIndexOf(this.#groups);
  }

  /** Adds a row group, which is durable when this returns. @param records in scheduled order, all after the last */
  append(records: readonly RequestRecord[], sender: (index: number) => string): void {
    const ids = records.map(record => requestIdOf(record, sender(record.index)));
    const bytes = new ByteWriter(2 ** 20);
    const writer = new ParquetWriter({ writer: bytes, schema: schemaOf() });
    bytes.index = 0;
    bytes.offset = this.#endByte;
    writer.write({
      columnData: [
        { name: ID_COLUMN, data: ids },
        ...NAMES.map(name => ({ name, data: records.map(record => record[name]) })),
      ],
      rowGroupSize: records.length,
    });
    writeAll(this.#file, bytes.getBytes(), this.#endByte);
    fdatasyncSync(this.#file);
    this.#endByte = bytes.offset;
    const path = join(this.#directory, FOOTER);
    const footer = openSync(freshPath(path), 'w', 0o600);
    writeAll(footer, footerBytes([...this.#groups, ...writer.row_groups]), 0);
    fdatasyncSync(footer);
    closeSync(footer);
    renameSync(freshPath(path), path);
    // As a process that goes on with the file would read them, so that its bytes do not depend on how many did.
    this.#groups = footerOf(this.#directory)!.row_groups;
  }

  /** Makes it the sealed file at `path`. */
  finish(path: string): void {
    const footer = footerBytes(this.#groups);
    writeAll(this.#file, footer, this.#endByte);
    ftruncateSync(this.#file, this.#endByte + footer.length);
    fdatasyncSync(this.#file);
    renameSync(join(this.#directory, PART), path);
    rmSync(join(this.#directory, FOOTER), { force: true });
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** Row groups of a growing file that are there whole. */
export interface GrownPart {
  readonly path: string;
  readonly metadata: FileMetaData;
  /** Index of their last record; -1 without one. */
  readonly lastIndex: number;
}

/** What can be read of the growing file of a run directory; undefined without one. @throws SquallError `BAD_REQUESTS` for a footer that was changed */
export function grownPart(directory: string): GrownPart | undefined {
  const metadata = footerOf(directory);
  const path = join(directory, PART);
  if (!metadata || !existsSync(path)) return undefined;
  const { size } = statSync(path);
  const whole = metadata.row_groups.filter(group => endOf([group]) <= size);
  return { path, metadata: { ...metadata, row_groups: whole }, lastIndex: lastIndexOf(whole) };
}

/** Whether a run directory has a growing file. */
export function isGrowing(directory: string): boolean {
  return existsSync(join(directory, PART));
}

function footerOf(directory: string): FileMetaData | undefined {
  const path = join(directory, FOOTER);
  if (!existsSync(path)) return undefined;
  try {
    return parquetMetadata(new Uint8Array(readBytes(path, MAX_FOOTER_BYTES)).buffer);
  } catch (cause) {
    throw badRequests(path, cause);
  }
}

function footerBytes(groups: RowGroup[]): Uint8Array {
  const bytes = new ByteWriter(2 ** 16);
  const writer = new ParquetWriter({ writer: bytes, schema: schemaOf(), kvMetadata: NOTES, createdBy: 'squall' });
  writer.row_groups = groups;
  writer.num_rows = groups.reduce((sum, { num_rows }) => sum + num_rows, 0n);
  writer.finish();
  return bytes.getBytes().subarray(MAGIC_BYTES);
}

/** Where the last of some row groups ends. */
function endOf(groups: readonly RowGroup[]): number {
  const chunks = groups.at(-1)?.columns.map(({ meta_data }) => meta_data!) ?? [];
  const ends = chunks.map(chunk =>
    Number((chunk.dictionary_page_offset ?? chunk.data_page_offset) + chunk.total_compressed_size),
  );
  return Math.max(MAGIC_BYTES, ...ends);
}

function lastIndexOf(groups: readonly RowGroup[]): number {
  const chunk = groups.at(-1)?.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === INDEX);
  return Number(chunk?.meta_data?.statistics?.max_value ?? -1);
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

/** Error of a file that has no requests, or no longer. */
export function badRequests(path: string, cause: unknown): SquallError {
  // What a reader of bytes throws at others than it expects says nothing of the file.
  const isBytes = cause instanceof RangeError || cause instanceof TypeError;
  const why = isBytes ? 'it was cut, or its bytes were changed' : messageOf(cause);
  const message = `Expected ${path} to contain the requests of a run, but: ${why}`;
  const next = 'Restore the file, or move it away to judge the run without it.';
  return new SquallError('environment', 'BAD_REQUESTS', message, { cause, next });
}
