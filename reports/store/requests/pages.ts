import { type DecodedArray, type FileMetaData, type PageHeader, parquetSchema, type RowGroup } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { decompressPage, readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from 'hyparquet/src/schema.js';
import { snappyUncompress } from 'hyparquet/src/snappy.js';
import { readHybrid } from './levels.ts';

/** Numbers of a column; whole ones of lists of INT32. */
export type Numbers = Float64Array | Int32Array;

/** Values of a column: one a row, NaN for none; of lists the elements of all rows behind one another, and the length of each. */
export interface ColumnValues {
  readonly values: Numbers;
  readonly lengths?: Float64Array;
}

/** Room for the values of a column, used again for each row group, since what is allocated for each is freed too late. */
export class Room {
  values: Numbers = new Float64Array();
  lengths = new Float64Array();
}

/** Puts values of a column, or elements of its lists, into numbers. @throws Error for one of another type */
export type PutNumbers = (values: ArrayLike<unknown>, into: Numbers) => void;

/**
 * A column of a row group as numbers, without an object for each row.
 * @param read reads so many bytes of the file from an offset; they are valid until the next call
 * @param room where the values are, until the next column is read into it
 * @param putNumbers called once for the values of a dictionary
 * @returns undefined where the row group has no such column
 */
export function readColumn(
  read: (offset: number, length: number) => Uint8Array,
  metadata: FileMetaData,
  { columns, num_rows }: RowGroup,
  name: string,
  putNumbers: PutNumbers,
  room: Room,
): ColumnValues | undefined {
  const found = columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === name)?.meta_data;
  if (!found) return undefined;
  const from = Number(found.dictionary_page_offset ?? found.data_page_offset);
  const bytes = read(from, Number(found.total_compressed_size));
  const schemaPath = getTreePath(parquetSchema(metadata), found.path_in_schema);
  const decoder = {
    ...{ pathInSchema: found.path_in_schema, schemaPath, parsers: DEFAULT_PARSERS },
    ...{ element: schemaPath.at(-1)!.element, type: found.type, codec: found.codec },
  };
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
  const isList = found.path_in_schema.length > 1;
  const Kind = isList && found.type === 'INT32' ? Int32Array : Float64Array;
  if (!(room.values instanceof Kind)) room.values = new Kind(1024);
  const rows = new Rows(Number(num_rows), getMaxDefinitionLevel(schemaPath), isList, room);
  let dictionary: Numbers = new Kind();
  while (reader.offset < bytes.length) {
    const header = parquetHeader(reader);
    const page = bytes.subarray(reader.offset, reader.offset + header.compressed_page_size);
    if (page.length < header.compressed_page_size) throw new Error('a page is cut');
    reader.offset += header.compressed_page_size;
    const plain = () => decompressed(page, header.uncompressed_page_size, found.codec);
    if (header.dictionary_page_header) {
      const { buffer, byteOffset, byteLength } = plain();
      const view = new DataView(buffer, byteOffset, byteLength);
      const entries = readPlain({ view, offset: 0 }, found.type, header.dictionary_page_header.num_values, undefined);
      dictionary = new Kind(entries.length);
      putNumbers(convert(entries, decoder), dictionary);
      continue;
    }
    const { values, ...levels } = dataPage(page, header, decoder, plain);
    if (values instanceof Uint32Array) rows.add(levels, values.length, into => look(values, dictionary, into));
    else rows.add(levels, values.length, into => putNumbers(convert(values, decoder), into));
  }
  return rows.result(name);
}

/** Bytes of a page; valid until the next one. */
function decompressed(page: Uint8Array, length: number, codec: DecoderCodec): Uint8Array {
  if (codec !== 'SNAPPY') return decompressPage(page, length, codec, undefined);
  if (SCRATCH.plain.length < length) SCRATCH.plain = new Uint8Array(Math.ceil(1.25 * length));
  const plain = SCRATCH.plain.subarray(0, length);
  snappyUncompress(page, plain);
  return plain;
}

type DecoderCodec = ColumnDecoder['codec'];
type ColumnDecoder = Parameters<typeof readDataPageV2>[2];

/** Levels of a page: none where all values are there; valid until the next page. */
interface Levels {
  readonly count: number;
  readonly definitions: ArrayLike<number>;
  readonly repetitions: ArrayLike<number>;
}

/** Levels and values of a page; as `Uint32Array` they are indexes of the dictionary. */
function dataPage(
  page: Uint8Array,
  header: PageHeader,
  decoder: ColumnDecoder,
  plain: () => Uint8Array,
): Levels & { readonly values: DecodedArray } {
  const head = header.data_page_header_v2;
  const { encoding, num_values: count } = head ?? header.data_page_header!;
  const isIndexed = encoding.endsWith('_DICTIONARY');
  if (!head || !(isIndexed || encoding === 'PLAIN')) {
    const read = head
      ? readDataPageV2(page, header, decoder)
      : readDataPage(plain(), header.data_page_header!, decoder);
    const values = isIndexed ? Uint32Array.from(read.dataPage as ArrayLike<number>) : read.dataPage;
    return { count, definitions: read.definitionLevels ?? [], repetitions: read.repetitionLevels, values };
  }
  const [repeated, defined] = [head.repetition_levels_byte_length, head.definition_levels_byte_length];
  const [first, second] = [page.subarray(0, repeated), page.subarray(repeated, repeated + defined)];
  const repetitions = levelsIn(first, getMaxRepetitionLevel(decoder.schemaPath), count, 0);
  const definitions = levelsIn(second, getMaxDefinitionLevel(decoder.schemaPath), count, 1);
  const rest = page.subarray(repeated + defined);
  const size = header.uncompressed_page_size - repeated - defined;
  const body = head.is_compressed === false ? rest : decompressed(rest, size, decoder.codec);
  const present = count - head.num_nulls;
  if (isIndexed) {
    if (SCRATCH.indexes.length < present) SCRATCH.indexes = new Uint32Array(present);
    readHybrid(body.subarray(1), body[0] ?? 0, present, SCRATCH.indexes);
    return { count, definitions, repetitions, values: SCRATCH.indexes.subarray(0, present) };
  }
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const { type, element } = decoder;
  return {
    count,
    definitions,
    repetitions,
    values: readPlain({ view, offset: 0 }, type, present, element.type_length),
  };
}

/** Used again for each page; a page is read without a pause. */
const SCRATCH = { levels: [new Uint8Array(), new Uint8Array()], indexes: new Uint32Array(), plain: new Uint8Array() };

function levelsIn(bytes: Uint8Array, highest: number, count: number, nth: 0 | 1): Uint8Array {
  if (highest === 0) return new Uint8Array();
  if (SCRATCH.levels[nth]!.length < count) SCRATCH.levels[nth] = new Uint8Array(count);
  const levels = SCRATCH.levels[nth]!.subarray(0, count);
  readHybrid(bytes, 32 - Math.clz32(highest), count, levels);
  return levels;
}

/** Rows of a column, from the levels of its values (Dremel encoding): of lists, the first value of a row has the repetition level 0. */
class Rows {
  readonly #full: number;
  readonly #isList: boolean;
  readonly #room: Room;
  readonly #count: number;
  #row = 0;
  #next = 0;

  constructor(count: number, full: number, isList: boolean, room: Room) {
    this.#count = count;
    this.#full = full;
    this.#isList = isList;
    this.#room = room;
    if (!isList) return;
    if (room.lengths.length < count) room.lengths = new Float64Array(count);
    room.lengths.fill(0, 0, count);
  }

  /** Adds a page. @param put writes its values, as many as there are */
  add({ count, definitions, repetitions }: Levels, values: number, put: (into: Numbers) => void): void {
    const full = this.#full;
    if (this.#isList) {
      put(this.#take(values));
      this.#addLengths(count, definitions, repetitions);
      return;
    }
    this.#row += count;
    const rows = this.#take(definitions.length > 0 ? count : values);
    if (definitions.length === 0 || values === count) put(rows);
    else {
      const present = rows.subarray(0, values);
      put(present);
      spread(present, definitions, full, rows);
    }
  }

  #addLengths(count: number, definitions: ArrayLike<number>, repetitions: ArrayLike<number>): void {
    const full = this.#full;
    const { lengths } = this.#room;
    let row = this.#row - 1;
    let length = lengths[row] ?? 0;
    for (let at = 0; at < count; at += 1) {
      if (repetitions[at] === 0) {
        lengths[row] = length;
        row += 1;
        length = 0;
      }
      const level = definitions.length > 0 ? definitions[at]! : full;
      if (level === full) length += 1;
      // An optional list has one level more.
      else if (level === 0 && full === 2) length = Number.NaN;
    }
    lengths[row] = length;
    this.#row = row + 1;
  }

  result(name: string): ColumnValues {
    if (this.#row !== this.#count) throw new Error(`column ${name} has ${this.#row} of ${this.#count} rows`);
    const { values, lengths } = this.#room;
    return {
      values: values.subarray(0, this.#next),
      ...(this.#isList && { lengths: lengths.subarray(0, this.#count) }),
    };
  }

  #take(count: number): Numbers {
    const end = this.#next + count;
    const { values } = this.#room;
    if (end > values.length) {
      const size = Math.ceil(1.25 * end);
      const grown = values instanceof Int32Array ? new Int32Array(size) : new Float64Array(size);
      grown.set(values.subarray(0, this.#next));
      this.#room.values = grown;
    }
    const taken = this.#room.values.subarray(this.#next, end);
    this.#next = end;
    return taken;
  }
}

/** Moves the first values to the rows that have one, by their levels, from the last on; NaN for the others. */
function spread(values: Numbers, levels: ArrayLike<number>, full: number, rows: Numbers): void {
  let next = values.length;
  for (let at = rows.length - 1; at >= 0; at -= 1) {
    const isPresent = levels[at] === full;
    if (isPresent) next -= 1;
    rows[at] = isPresent ? values[next]! : Number.NaN;
  }
}

function look(indexes: Uint32Array, dictionary: Numbers, into: Numbers): void {
  for (let at = 0; at < indexes.length; at += 1) {
    const number = dictionary[indexes[at]!];
    if (number === undefined) throw new Error('a value is not in its dictionary');
    into[at] = number;
  }
}
