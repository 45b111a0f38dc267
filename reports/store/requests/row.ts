import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import { decode, type Encoded } from './encoding.ts';
import { type LaterColumn, type LaterLists, type Lists, putStarts } from './lists.ts';
import { Room } from './pages.ts';
import type { Place, Space } from './space.ts';

/** How a field of a record is kept in its column. */
export type Kind = 'number' | 'flag' | 'text' | 'list';

/** Field of {@link RequestRecord}: its kind, and what it is where it has no value; without `lacks` it always has one. */
export interface Field {
  readonly kind: Kind;
  readonly lacks?: 'null' | 'undefined';
}

/** Fields of a record, in the order of their columns. */
export const FIELDS = {
  index: { kind: 'number' },
  scheduledMs: { kind: 'number' },
  sentMs: { kind: 'number', lacks: 'null' },
  firstTokenMs: { kind: 'number', lacks: 'null' },
  endMs: { kind: 'number' },
  outcome: { kind: 'text' },
  status: { kind: 'number' },
  promptTokens: { kind: 'number' },
  outputTokens: { kind: 'number' },
  stage: { kind: 'text' },
  upstream: { kind: 'text' },
  gaps: { kind: 'list' },
  lastTokenMs: { kind: 'number', lacks: 'undefined' },
  frames: { kind: 'number', lacks: 'undefined' },
  reads: { kind: 'number', lacks: 'undefined' },
  usedPromptTokens: { kind: 'number', lacks: 'undefined' },
  cachedPromptTokens: { kind: 'number', lacks: 'undefined' },
  resent: { kind: 'flag', lacks: 'undefined' },
  sentAs: { kind: 'number', lacks: 'undefined' },
  attempts: { kind: 'number', lacks: 'undefined' },
  attemptsMs: { kind: 'list', lacks: 'undefined' },
  attemptOutcomes: { kind: 'text', lacks: 'undefined' },
  class: { kind: 'text', lacks: 'undefined' },
  session: { kind: 'number', lacks: 'undefined' },
  turn: { kind: 'number', lacks: 'undefined' },
} as const satisfies Readonly<Record<keyof RequestRecord, Field>>;

/** Name of a field. */
export type Name = keyof typeof FIELDS;
/** All of them, in order; the position of one is the number of its column. */
export const NAMES = Object.keys(FIELDS) as readonly Name[];
const AT = Object.fromEntries(NAMES.map((name, at) => [name, at])) as Readonly<Record<Name, number>>;

/** Rows of a chunk. */
export const ROWS = 16_384;

/** Column of a chunk: a value for each row; of a list its length, with the elements of all rows behind one another. */
export interface StoredColumn {
  readonly values: Encoded;
  readonly place: Place;
  readonly elements?: { readonly values: Encoded; readonly place: Place; readonly count: number };
}

/** Up to {@link ROWS} successive records. */
export interface Chunk {
  readonly rows: number;
  /** The first and the last of their scheduled arrivals. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** By number of the column. */
  readonly columns: readonly (StoredColumn | LaterColumn)[];
}

/** What the chunks of a table share. */
export interface Shared {
  readonly space: Space;
  /** Texts by their number in columns. */
  readonly texts: string[];
}

/**
 * A record of a table, read from its columns: the one at `row` of the chunk that was opened last. Whoever visits rows sees the same object
 * each time and must not keep it; {@link Row.copy} can be kept. A column is decoded when it is first read in a chunk.
 */
export class Row implements RequestRecord {
  row = 0;
  readonly #shared: Shared;
  #chunk: Chunk | undefined;
  readonly #buffers: (Float64Array | undefined)[] = NAMES.map(() => undefined);
  readonly #decoded: (Float64Array | undefined)[] = NAMES.map(() => undefined);
  readonly #lists: (Lists | undefined)[] = NAMES.map(() => undefined);
  readonly #listBuffers: (Pick<Lists, 'starts' | 'elements'> | undefined)[] = NAMES.map(() => undefined);
  readonly #loaded: ({ readonly later: LaterLists; readonly room: Room; readonly lists: Lists } | undefined)[] =
    NAMES.map(() => undefined);
  /** List that was handed out last, of each column; used again for the next row. */
  readonly #given: { row: number; readonly list: number[] }[] = NAMES.map(() => ({ row: -1, list: [] }));

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** Goes to a chunk; `row` is to be set. */
  open(chunk: Chunk): void {
    if (chunk === this.#chunk) return;
    this.#chunk = chunk;
    this.#decoded.fill(undefined);
    this.#lists.fill(undefined);
    for (const given of this.#given) given.row = -1;
  }

  /** Numbers of a field in the rows of the chunk, NaN for none; valid until another is opened. */
  values(name: Name): Float64Array {
    return this.#decoded[AT[name]] ?? this.#decode(AT[name]);
  }

  /** Lists of a field in the rows of the chunk; valid until another is opened. */
  lists(name: Name): Lists {
    return this.#lists[AT[name]] ?? this.#elements(AT[name]);
  }

  /** The record, to be kept. */
  copy(): RequestRecord {
    const fields = NAMES.map(name => [name, kept(this[name])] as const).filter(([, value]) => value !== undefined);
    return Object.fromEntries(fields) as unknown as RequestRecord;
  }

  get index(): number {
    return this.#number(AT.index);
  }
  get scheduledMs(): number {
    return this.#number(AT.scheduledMs);
  }
  get sentMs(): number | null {
    return this.#numberOr(AT.sentMs, null);
  }
  get firstTokenMs(): number | null {
    return this.#numberOr(AT.firstTokenMs, null);
  }
  get endMs(): number {
    return this.#number(AT.endMs);
  }
  get outcome(): Outcome {
    return this.#text(AT.outcome) as Outcome;
  }
  get status(): number {
    return this.#number(AT.status);
  }
  get promptTokens(): number {
    return this.#number(AT.promptTokens);
  }
  get outputTokens(): number {
    return this.#number(AT.outputTokens);
  }
  get stage(): string {
    return this.#text(AT.stage)!;
  }
  get upstream(): string {
    return this.#text(AT.upstream)!;
  }
  get gaps(): readonly number[] {
    return this.#list(AT.gaps)!;
  }
  get attemptOutcomes(): string {
    return this.#text(AT.attemptOutcomes)!;
  }
  get class(): string {
    return this.#text(AT.class)!;
  }
  get attemptsMs(): readonly number[] {
    return this.#list(AT.attemptsMs)!;
  }
  get resent(): boolean {
    const flag = this.#numberOr(AT.resent, undefined);
    return (flag === undefined ? undefined : flag === 1)!;
  }
  get lastTokenMs(): number {
    return this.#numberOr(AT.lastTokenMs, undefined)!;
  }
  get frames(): number {
    return this.#numberOr(AT.frames, undefined)!;
  }
  get reads(): number {
    return this.#numberOr(AT.reads, undefined)!;
  }
  get usedPromptTokens(): number {
    return this.#numberOr(AT.usedPromptTokens, undefined)!;
  }
  get cachedPromptTokens(): number {
    return this.#numberOr(AT.cachedPromptTokens, undefined)!;
  }
  get sentAs(): number {
    return this.#numberOr(AT.sentAs, undefined)!;
  }
  get attempts(): number {
    return this.#numberOr(AT.attempts, undefined)!;
  }
  get session(): number {
    return this.#numberOr(AT.session, undefined)!;
  }
  get turn(): number {
    return this.#numberOr(AT.turn, undefined)!;
  }

  #number(column: number): number {
    const values = this.#decoded[column] ?? this.#decode(column);
    return values[this.row]!;
  }

  #numberOr<None>(column: number, none: None): number | None {
    const value = this.#number(column);
    return Number.isNaN(value) ? none : value;
  }

  #text(column: number): string | undefined {
    return this.#shared.texts[this.#number(column)];
  }

  #list(column: number): readonly number[] | undefined {
    const count = this.#numberOr(column, undefined);
    if (count === undefined) return undefined;
    const given = this.#given[column]!;
    const { list } = given;
    if (given.row === this.row) return list;
    const { starts, elements } = this.#lists[column] ?? this.#elements(column);
    const from = starts[this.row]!;
    if (list.length > count) list.length = count;
    for (let at = 0; at < count; at += 1) list[at] = elements[from + at]!;
    given.row = this.row;
    return list;
  }

  #decode(column: number): Float64Array {
    const stored = this.#chunk!.columns[column]!;
    if ('later' in stored) {
      const { lengths } = this.#elements(column);
      this.#decoded[column] = lengths;
      return lengths;
    }
    this.#buffers[column] ??= new Float64Array(ROWS);
    const decoded = this.#buffers[column];
    decode(stored.values, this.#shared.space.get(stored.place), this.#chunk!.rows, decoded);
    this.#decoded[column] = decoded;
    return decoded;
  }

  #elements(column: number): Lists {
    const stored = this.#chunk!.columns[column]!;
    const lists = 'later' in stored ? this.#later(column, stored) : this.#stored(column, stored.elements!);
    this.#lists[column] = lists;
    return lists;
  }

  #stored(column: number, { values, place, count }: NonNullable<StoredColumn['elements']>): Lists {
    const buffers = this.#listBuffers[column];
    const elements =
      buffers && buffers.elements.length >= count ? buffers.elements : new Float64Array(Math.ceil(1.25 * count));
    const starts = buffers?.starts ?? new Float64Array(ROWS);
    decode(values, this.#shared.space.get(place), count, elements as Float64Array);
    const lengths = this.#decoded[column] ?? this.#decode(column);
    putStarts(lengths, this.#chunk!.rows, starts);
    this.#listBuffers[column] = { starts, elements };
    return { starts, elements, lengths };
  }

  #later(column: number, { later, first }: LaterColumn): Lists {
    let loaded = this.#loaded[column];
    if (loaded?.later !== later) {
      const room = loaded?.room ?? new Room();
      const { values, lengths } = later.load(room);
      const starts = new Float64Array(lengths!.length);
      putStarts(lengths!, starts.length, starts);
      loaded = { later, room, lists: { starts, elements: values, lengths: lengths! } };
      this.#loaded[column] = loaded;
    }
    const { starts, elements, lengths } = loaded.lists;
    const end = first + this.#chunk!.rows;
    return { starts: starts.subarray(first, end), elements, lengths: lengths.subarray(first, end) };
  }
}

function kept<Value>(value: Value): Value {
  return Array.isArray(value) ? ([...value] as Value) : value;
}
