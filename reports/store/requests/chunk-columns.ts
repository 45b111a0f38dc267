import type { RequestRecord } from '../../../harness/requests.ts';
import type { Lists } from './lists.ts';
import type { Name, Row } from './row.ts';

/** Numbers of the rows of a field: NaN for none, and for a text its position in {@link Columns.texts}. */
export type Values = Float64Array;

/**
 * Successive records of a table as columns of numbers, for folds over all of them: no value of theirs becomes an object. Valid until the
 * next ones are visited.
 */
export class Columns {
  readonly rows: number;
  readonly texts: readonly string[];
  /** How many records came before. */
  readonly first: number;
  /** Position of the bit of the first in a selection of the table; undefined in a part of a table. */
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

  /** Lists of the rows: where each begins among the elements, and its length. */
  lists(name: 'gaps' | 'attemptsMs'): Lists {
    const { starts, elements, lengths } = this.#row.lists(name);
    return { starts: this.#own(starts), elements, lengths: this.#own(lengths) };
  }

  /** Record of a row; valid until the next one is asked for. */
  record(row: number): RequestRecord {
    return this.#at(row);
  }

  /** Record of a row, to be kept. */
  copy(row: number): RequestRecord {
    return this.#at(row).copy();
  }

  #at(row: number): Row {
    this.#row.row = this.#selected?.[row] ?? row;
    return this.#row;
  }

  /** Whether a text passes a test (1 or 0), by its position in {@link texts}. @param test the same function each time */
  textsThat(test: (text: string) => boolean): Uint8Array {
    const known = TESTED.get(this.texts) ?? new Map<typeof test, { flags: Uint8Array; count: number }>();
    const tested = known.get(test) ?? { flags: new Uint8Array(64), count: 0 };
    TESTED.set(this.texts, known.set(test, tested));
    if (tested.flags.length < this.texts.length) {
      const grown = new Uint8Array(2 * this.texts.length);
      grown.set(tested.flags);
      tested.flags = grown;
    }
    for (; tested.count < this.texts.length; tested.count += 1)
      tested.flags[tested.count] = test(this.texts[tested.count]!) ? 1 : 0;
    return tested.flags;
  }

  #own(values: Values): Values {
    const selected = this.#selected;
    return selected ? Float64Array.from(selected, row => values[row]!) : values;
  }
}

const TESTED = new WeakMap<readonly string[], Map<(text: string) => boolean, { flags: Uint8Array; count: number }>>();
