import type { RequestRecord, Requests } from '../../../harness/requests.ts';
import { ChunkColumns, type Columns } from './chunk-columns.ts';
import { type Chunk, ROWS, Row, type Shared } from './row.ts';

/** Chunks of records, in their order. */
export interface Whole extends Shared {
  readonly chunks: readonly Chunk[];
  /** Rows that nobody reads with. */
  readonly idle: Row[];
}

/** Records in columns, or those of them that a bit is set for. */
export class StoredRequests implements Requests {
  readonly length: number;
  readonly #whole: Whole;
  /** A bit for each row of each chunk. @default all */
  readonly #selected: Uint32Array | undefined;

  constructor(whole: Whole, selected?: { readonly bits: Uint32Array; readonly count: number }) {
    this.#whole = whole;
    this.#selected = selected?.bits;
    this.length = selected?.count ?? whole.chunks.reduce((sum, { rows }) => sum + rows, 0);
  }

  filter(test: (record: RequestRecord) => boolean, within?: Parameters<Requests['filter']>[1]): Requests {
    const found = new Selection(this.#whole.chunks.length);
    this.#visitChunks((row, chunk, first) => {
      if (!within || (chunk.firstMs < within.toMs && chunk.lastMs >= within.fromMs))
        this.#visitRows(row, chunk, first, found.of(test));
    });
    return new StoredRequests(this.#whole, found);
  }

  /** Visits all records, some thousand at a time. */
  eachColumns(visit: (columns: Columns) => void): void {
    let before = 0;
    this.#visitChunks((row, chunk, first) => {
      const rows = this.#hasAll(chunk, first) ? undefined : this.#rowsIn(row, chunk, first);
      const count = rows?.length ?? chunk.rows;
      if (count > 0) visit(new ChunkColumns(row, this.#whole.texts, { first: before, count, rows, at: first }));
      before += count;
    });
  }

  /** Makes room for a selection of these records. */
  selection(): Selection {
    return new Selection(this.#whole.chunks.length);
  }

  /** The records of a selection. */
  only(selection: Selection): StoredRequests {
    return new StoredRequests(this.#whole, selection);
  }

  #hasAll({ rows }: Chunk, first: number): boolean {
    const selected = this.#selected;
    if (!selected) return true;
    let at = 0;
    for (; at + 32 <= rows; at += 32) if (selected[(first + at) >>> 5] !== 0xffff_ffff) return false;
    return at === rows || selected[(first + at) >>> 5] === 2 ** (rows - at) - 1;
  }

  #rowsIn(row: Row, chunk: Chunk, first: number): Uint16Array {
    const rows: number[] = [];
    this.#visitRows(row, chunk, first, (_, at) => rows.push(at - first));
    return Uint16Array.from(rows);
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
    this.#visitChunks((row, chunk, first) => this.#visitRows(row, chunk, first, visit));
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

  /** Goes to each chunk. @param visit with the position of its first row */
  #visitChunks(visit: (row: Row, chunk: Chunk, first: number) => void): void {
    const { chunks, idle } = this.#whole;
    const row = this.#take();
    try {
      for (let number = 0; number < chunks.length; number += 1) {
        row.open(chunks[number]!);
        visit(row, chunks[number]!, number * ROWS);
      }
    } finally {
      idle.push(row);
    }
  }

  /** Visits the rows of a chunk, each with its position. */
  #visitRows(row: Row, { rows }: Chunk, first: number, visit: (row: Row, at: number) => void): void {
    const selected = this.#selected;
    if (!selected) {
      for (let at = 0; at < rows; at += 1) {
        row.row = at;
        visit(row, first + at);
      }
      return;
    }
    for (let at = 0; at < rows; at += 32) {
      for (let word = selected[(first + at) >>> 5]!; word !== 0; word &= word - 1) {
        row.row = at + 31 - Math.clz32(word & -word);
        visit(row, first + row.row);
      }
    }
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

/** Records that are selected, as a bit for each row of each chunk. */
export class Selection {
  readonly bits: Uint32Array;
  count = 0;

  constructor(chunks: number) {
    this.bits = new Uint32Array((chunks * ROWS) / 32);
  }

  /** Selects some successive records of a chunk, which are not selected yet. @param from positions of their bits */
  add(from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.bits[at >>> 5]! |= 1 << (at & 31);
    this.count += to - from;
  }

  of(test: (record: RequestRecord) => boolean): (row: Row, at: number) => void {
    return (row, at) => {
      if (!test(row)) return;
      this.bits[at >>> 5]! |= 1 << (at & 31);
      this.count += 1;
    };
  }
}
