import type { RequestRecord } from '../../../harness/requests.ts';
import { encode } from './encoding.ts';
import { expectedOf, listIn, putFinite, requireAll, wrong } from './expected.ts';
import type { LaterColumn } from './lists.ts';
import type { ColumnValues, Numbers, PutNumbers } from './pages.ts';
import { type Chunk, FIELDS, NAMES, type Name, ROWS, Row, type Shared, type StoredColumn } from './row.ts';
import { Space } from './space.ts';
import { StoredRequests } from './stored-requests.ts';

/** Bytes of columns that are kept in memory: those of a run of some hundred thousand requests. */
const MAX_MEMORY_BYTES = 16 * 2 ** 20;

/** Values of a field, one a row; of a list a list of numbers. */
export type Values = ArrayLike<unknown>;

/** Puts records into columns, a chunk at a time, and makes a table of chunks. */
export class TableBuilder {
  readonly #shared: Shared;
  readonly #codes = new Map<string, number>();
  readonly #row: Row;

  constructor(maxMemoryBytes: number = MAX_MEMORY_BYTES) {
    this.#shared = { space: new Space(maxMemoryBytes), texts: [] };
    this.#row = new Row(this.#shared);
  }

  /**
   * A chunk of at most {@link ROWS} records.
   * @param column values of a field, or where they are; undefined where no record has it
   * @throws Error that names a field without a value, or with one of another type
   */
  chunk(rows: number, column: (name: Name) => Values | ColumnValues | LaterColumn | undefined): Chunk {
    let span = { firstMs: Number.NEGATIVE_INFINITY, lastMs: Number.POSITIVE_INFINITY };
    const columns = NAMES.map(name => {
      const given = column(name);
      if (name === 'scheduledMs' && given && !('later' in given))
        span = spanOf('length' in given ? given : given.values);
      return this.#column(name, given, rows);
    });
    return { rows, ...span, columns };
  }

  /** Requires a record to have all fields, each of its type. @throws Error as of {@link chunk} */
  check(record: RequestRecord): void {
    if (typeof record !== 'object' || record === null) throw new Error('it is no object');
    for (const name of NAMES) {
      if (FIELDS[name].kind === 'list') listIn(name, record[name]);
      else this.#number(name, record[name]);
    }
  }

  /** The records of a chunk. */
  recordsOf(chunk: Chunk): RequestRecord[] {
    this.#row.open(chunk);
    return Array.from({ length: chunk.rows }, (_, row) => {
      this.#row.row = row;
      return this.#row.copy();
    });
  }

  /** The table of some of its chunks, in this order. */
  table(chunks: readonly Chunk[]): StoredRequests {
    return new StoredRequests({ ...this.#shared, chunks, idle: [] });
  }

  /** Puts values of a field, or elements of a list, into the numbers that they have in columns. @throws Error as of {@link chunk} */
  putNumbers(name: Name): PutNumbers {
    const isText = FIELDS[name].kind === 'text';
    return (values, into) => {
      if (!isText && (values instanceof Float64Array || values instanceof Int32Array)) putFinite(name, values, into);
      else for (let at = 0; at < into.length; at += 1) into[at] = this.#number(name, values[at]);
    };
  }

  #column(
    name: Name,
    given: Values | ColumnValues | LaterColumn | undefined,
    rows: number,
  ): StoredColumn | LaterColumn {
    if (given === undefined && 'lacks' in FIELDS[name]) return LACKING;
    if (given && 'later' in given) return given;
    const { values, lengths } = given && !('length' in given) ? given : this.#columnOf(name, given ?? [], rows);
    requireAll(name, lengths ?? values);
    if (lengths) return { ...this.#stored(lengths), elements: { ...this.#stored(values), count: values.length } };
    return this.#stored(values);
  }

  #columnOf(name: Name, given: Values, rows: number): ColumnValues {
    if (FIELDS[name].kind !== 'list')
      return { values: Float64Array.from({ length: rows }, (_, row) => this.#number(name, given[row])) };
    const lists = Array.from({ length: rows }, (_, row) => listIn(name, given[row]));
    return {
      lengths: Float64Array.from(lists, list => list?.length ?? Number.NaN),
      values: Float64Array.from(lists.flatMap(list => list ?? [])),
    };
  }

  #stored(values: Numbers) {
    const encoded = encode(values);
    return { values: encoded.values, place: this.#shared.space.put(encoded.bytes) };
  }

  #number(name: Name, value: unknown): number {
    const field = FIELDS[name];
    if (value === null || value === undefined) {
      if ('lacks' in field) return Number.NaN;
      throw wrong(name, expectedOf(name), value);
    }
    if (field.kind === 'text') return this.#code(name, value);
    if (field.kind === 'flag' && typeof value === 'boolean') return Number(value);
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    throw wrong(name, 'a number', value);
  }

  #code(name: Name, value: unknown): number {
    if (typeof value !== 'string') throw wrong(name, 'a text', value);
    const known = this.#codes.get(value);
    if (known !== undefined) return known;
    this.#codes.set(value, this.#shared.texts.length);
    return this.#shared.texts.push(asName(value)) - 1;
  }
}

/** The same text, as the engine keeps names: comparisons with constants then only compare addresses. */
function asName(text: string): string {
  return Object.keys({ [text]: 0 })[0]!;
}

function spanOf(scheduledMs: ArrayLike<unknown>): Pick<Chunk, 'firstMs' | 'lastMs'> {
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < scheduledMs.length; row += 1) {
    const ms = scheduledMs[row] as number;
    if (ms < firstMs) firstMs = ms;
    if (ms > lastMs) lastMs = ms;
  }
  return { firstMs, lastMs };
}

/** Column of a field that no record has. */
const LACKING: StoredColumn = {
  values: { kind: 'constant', base: Number.NaN, scale: 1 },
  place: new Uint8Array(),
  elements: { values: { kind: 'constant', base: 0, scale: 1 }, place: new Uint8Array(), count: 0 },
};
