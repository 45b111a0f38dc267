import type { RequestRecord, Requests } from '../../../harness/requests.ts';
import { encode } from './encoding.ts';
import type { ColumnValues } from './pages.ts';
import { type Chunk, FIELDS, NAMES, type Name, ROWS, Row, type Shared, type StoredColumn } from './row.ts';
import { Space } from './space.ts';

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
   * @param column values of a field; undefined where no record has it
   * @throws Error that names a field without a value, or with one of another type
   */
  chunk(rows: number, column: (name: Name) => Values | ColumnValues | undefined): Chunk {
    return { rows, columns: NAMES.map(name => this.#column(name, column(name), rows)) };
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
  table(chunks: readonly Chunk[]): Requests {
    return new Table({ ...this.#shared, chunks, idle: [] });
  }

  /** The number that a value of a field, or an element of a list, has in columns. @throws Error as of {@link chunk} */
  numberOf(name: Name): (value: unknown) => number {
    if (FIELDS[name].kind === 'number')
      return value => (typeof value === 'number' && Number.isFinite(value) ? value : this.#number(name, value));
    return value => this.#number(name, value);
  }

  #column(name: Name, given: Values | ColumnValues | undefined, rows: number): StoredColumn {
    if (given === undefined && 'lacks' in FIELDS[name]) return LACKING;
    const { values, lengths } = given && !('length' in given) ? given : this.#columnOf(name, given ?? [], rows);
    const lacking = 'lacks' in FIELDS[name] ? undefined : (lengths ?? values).find(value => Number.isNaN(value));
    if (lacking !== undefined) throw wrong(name, expectedOf(name), undefined);
    if (lengths) return { ...this.#stored(lengths), elements: { ...this.#stored(values), count: values.length } };
    return this.#stored(values);
  }

  #columnOf(name: Name, given: Values, rows: number): ColumnValues {
    const numberOf = this.numberOf(name);
    if (FIELDS[name].kind !== 'list')
      return { values: Float64Array.from({ length: rows }, (_, row) => numberOf(given[row])) };
    const lists = Array.from({ length: rows }, (_, row) => listIn(name, given[row]));
    return {
      lengths: Float64Array.from(lists, list => list?.length ?? Number.NaN),
      values: Float64Array.from(lists.flatMap(list => list ?? [])),
    };
  }

  #stored(values: Float64Array) {
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
    return this.#shared.texts.push(value) - 1;
  }
}

/** Column of a field that no record has. */
const LACKING: StoredColumn = {
  values: { kind: 'constant', base: Number.NaN, scale: 1 },
  place: new Uint8Array(),
  elements: { values: { kind: 'constant', base: 0, scale: 1 }, place: new Uint8Array(), count: 0 },
};

function listIn(name: Name, value: unknown): readonly number[] | undefined {
  if ((value === undefined || value === null) && 'lacks' in FIELDS[name]) return undefined;
  if (!Array.isArray(value)) throw wrong(name, 'a list of numbers', value);
  for (const element of value) if (typeof element !== 'number') throw wrong(name, 'a list of numbers', element);
  return value;
}

function expectedOf(name: Name): string {
  const { kind } = FIELDS[name];
  return kind === 'text' ? 'a text' : kind === 'list' ? 'a list of numbers' : 'a number';
}

function wrong(name: Name, expected: string, value: unknown): Error {
  return new Error(`Expected \`${name}\` to be ${expected}, got ${foundText(value)}`);
}

/** What was found, without texts, since they may be of any file. */
function foundText(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'string' ? 'a text' : typeof value === 'object' ? 'an object' : `${value}`;
}

interface Whole extends Shared {
  readonly chunks: readonly Chunk[];
  /** Rows that nobody reads with. */
  readonly idle: Row[];
}

/** Records in columns, or those of them that a bit is set for. */
class Table implements Requests {
  readonly length: number;
  readonly #whole: Whole;
  /** A bit for each row of each chunk. @default all */
  readonly #selected: Uint32Array | undefined;

  constructor(whole: Whole, selected?: { readonly bits: Uint32Array; readonly count: number }) {
    this.#whole = whole;
    this.#selected = selected?.bits;
    this.length = selected?.count ?? whole.chunks.reduce((sum, { rows }) => sum + rows, 0);
  }

  filter(test: (record: RequestRecord) => boolean): Requests {
    const bits = new Uint32Array((this.#whole.chunks.length * ROWS) / 32);
    let count = 0;
    this.#visit((row, at) => {
      if (!test(row)) return false;
      bits[at >>> 5]! |= 1 << (at & 31);
      count += 1;
      return false;
    });
    return new Table(this.#whole, { bits, count });
  }

  some(test: (record: RequestRecord) => boolean): boolean {
    return this.#visit(test);
  }

  every(test: (record: RequestRecord) => boolean): boolean {
    return !this.#visit(row => !test(row));
  }

  find(test: (record: RequestRecord) => boolean): RequestRecord | undefined {
    let found: RequestRecord | undefined;
    this.#visit(row => {
      if (test(row)) found = row.copy();
      return found !== undefined;
    });
    return found;
  }

  forEach(visit: (record: RequestRecord) => void): void {
    this.#visit(row => {
      visit(row);
      return false;
    });
  }

  reduce<Value>(fold: (value: Value, record: RequestRecord) => Value, initial: Value): Value {
    let value = initial;
    this.forEach(record => {
      value = fold(value, record);
    });
    return value;
  }

  *[Symbol.iterator](): Generator<RequestRecord, undefined> {
    const { chunks } = this.#whole;
    const row = this.#take();
    try {
      for (let number = 0; number < chunks.length; number += 1) {
        row.open(chunks[number]!);
        for (let at = 0; at < chunks[number]!.rows; at += 1) {
          if (!this.#has(number * ROWS + at)) continue;
          row.row = at;
          yield row.copy();
        }
      }
      return;
    } finally {
      this.#whole.idle.push(row);
    }
  }

  #has(at: number): boolean {
    return this.#selected === undefined || (this.#selected[at >>> 5]! & (1 << (at & 31))) !== 0;
  }

  #take(): Row {
    return this.#whole.idle.pop() ?? new Row(this.#whole);
  }

  /** Visits rows, each with its position, until `visit` returns true; whether it did. */
  #visit(visit: (row: Row, at: number) => boolean): boolean {
    const { chunks, idle } = this.#whole;
    const selected = this.#selected;
    const row = this.#take();
    try {
      for (let number = 0; number < chunks.length; number += 1) {
        const chunk = chunks[number]!;
        row.open(chunk);
        const first = number * ROWS;
        for (let at = 0; at < chunk.rows; at += 32) {
          let word = selected ? selected[(first + at) >>> 5]! : 0xffff_ffff;
          if (chunk.rows - at < 32) word &= 2 ** (chunk.rows - at) - 1;
          while (word !== 0) {
            row.row = at + 31 - Math.clz32(word & -word);
            if (visit(row, first + row.row)) return true;
            word &= word - 1;
          }
        }
      }
      return false;
    } finally {
      idle.push(row);
    }
  }
}
