import type { RequestRecord } from '../../../harness/requests.ts';
import { type Lists, putStarts } from './lists.ts';
import type { Name, Row } from './row.ts';

/** Numbers of the rows of a field: NaN for none, and for a text its position in {@link Columns.texts}. */
export type Values = Float64Array;

/**
 * Successive records as columns of numbers, for folds over all of them: no value of theirs becomes an object. Valid until the next ones are
 * visited.
 */
export interface Columns {
  readonly rows: number;
  readonly texts: readonly string[];
  /** How many records came before. */
  readonly first: number;
  /** Position of the bit of the first in a selection of the table; undefined outside of one, and in a part of one. */
  readonly at: number | undefined;
  values(name: Name): Values;
  /** Lists of the rows: where each begins among the elements, and its length. */
  lists(name: ListName): Lists;
  /** Record of a row; valid until the next one is asked for. */
  record(row: number): RequestRecord;
  /** Record of a row, to be kept. */
  copy(row: number): RequestRecord;
}

type ListName = 'gaps' | 'attemptsMs';

/** Columns of a chunk of a table, or of some of its rows. */
export class ChunkColumns implements Columns {
  readonly rows: number;
  readonly texts: readonly string[];
  readonly first: number;
  readonly at: number | undefined;
  readonly #row: Row;
  /** Rows of the chunk that these are. @default all */
  readonly #selected: Uint16Array | undefined;

  constructor(
    row: Row,
    texts: readonly string[],
    { first, count, rows, at }: { first: number; count: number; rows: Uint16Array | undefined; at: number },
  ) {
    this.#row = row;
    this.texts = texts;
    this.rows = count;
    this.first = first;
    this.at = rows ? undefined : at;
    this.#selected = rows;
  }

  values(name: Name): Values {
    return this.#own(this.#row.values(name));
  }

  lists(name: ListName): Lists {
    const { starts, elements, lengths } = this.#row.lists(name);
    return { starts: this.#own(starts), elements, lengths: this.#own(lengths) };
  }

  record(row: number): RequestRecord {
    return this.#at(row);
  }

  copy(row: number): RequestRecord {
    return this.#at(row).copy();
  }

  #at(row: number): Row {
    this.#row.row = this.#selected?.[row] ?? row;
    return this.#row;
  }

  #own(values: Values): Values {
    const selected = this.#selected;
    return selected ? Float64Array.from(selected, row => values[row]!) : values;
  }
}

/** Columns of records that are in no table. */
export class RecordColumns implements Columns {
  readonly first = 0;
  readonly at = undefined;
  readonly texts: string[] = [];
  readonly #records: readonly RequestRecord[];
  readonly #values = new Map<Name, Values>();
  readonly #codes = new Map<string, number>();

  constructor(records: readonly RequestRecord[]) {
    this.#records = records;
  }

  get rows(): number {
    return this.#records.length;
  }

  values(name: Name): Values {
    const known = this.#values.get(name) ?? Float64Array.from(this.#records, record => this.#number(record[name]));
    this.#values.set(name, known);
    return known;
  }

  lists(name: ListName): Lists {
    const lists = this.#records.map(record => record[name] ?? []);
    const lengths = this.values(name);
    const starts = new Float64Array(lengths.length);
    putStarts(lengths, starts.length, starts);
    return { starts, lengths, elements: Float64Array.from(lists.flat()) };
  }

  record(row: number): RequestRecord {
    return this.#records[row]!;
  }

  copy(row: number): RequestRecord {
    return this.record(row);
  }

  #number(value: RequestRecord[Name]): number {
    if (value === null || value === undefined) return Number.NaN;
    if (typeof value === 'object') return value.length;
    return typeof value === 'string' ? this.#code(value) : Number(value);
  }

  #code(text: string): number {
    const code = this.#codes.get(text) ?? this.texts.push(text) - 1;
    this.#codes.set(text, code);
    return code;
  }
}

/** Whether a text passes a test (1 or 0), by its position in the texts of columns. @param test the same function each time */
export function textsThat({ texts }: Columns, test: (text: string) => boolean): Uint8Array {
  const known = TESTED.get(texts) ?? new Map<typeof test, { flags: Uint8Array; count: number }>();
  const tested = known.get(test) ?? { flags: new Uint8Array(64), count: 0 };
  TESTED.set(texts, known.set(test, tested));
  if (tested.flags.length < texts.length) {
    const grown = new Uint8Array(2 * texts.length);
    grown.set(tested.flags);
    tested.flags = grown;
  }
  for (; tested.count < texts.length; tested.count += 1)
    tested.flags[tested.count] = test(texts[tested.count]!) ? 1 : 0;
  return tested.flags;
}

const TESTED = new WeakMap<readonly string[], Map<(text: string) => boolean, { flags: Uint8Array; count: number }>>();
