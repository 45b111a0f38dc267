import { type AsyncBuffer, type FileMetaData, parquetSchema, type RowGroup } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { decompressPage, readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getTreePath } from 'hyparquet/src/schema.js';

/** Values of a column: one a row, NaN for none; of lists the elements of all rows behind one another, and the length of each. */
export interface ColumnValues {
  readonly values: Float64Array;
  readonly lengths?: Float64Array;
}

/**
 * A column of a row group as numbers, without an object for each row.
 * @param numberOf number of a value, or of an element of a list; called once for each of a dictionary
 * @returns undefined where the row group has no such column
 */
export async function readColumn(
  file: AsyncBuffer,
  metadata: FileMetaData,
  { columns, num_rows }: RowGroup,
  name: string,
  numberOf: (value: unknown) => number,
): Promise<ColumnValues | undefined> {
  const found = columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === name)?.meta_data;
  if (!found) return undefined;
  const from = Number(found.dictionary_page_offset ?? found.data_page_offset);
  const bytes = await file.slice(from, from + Number(found.total_compressed_size));
  const schemaPath = getTreePath(parquetSchema(metadata), found.path_in_schema);
  const decoder = {
    ...{ pathInSchema: found.path_in_schema, schemaPath, parsers: DEFAULT_PARSERS },
    ...{ element: schemaPath.at(-1)!.element, type: found.type, codec: found.codec },
  };
  const reader = { view: new DataView(bytes), offset: 0 };
  const rows = new Rows(Number(num_rows), getMaxDefinitionLevel(schemaPath), found.path_in_schema.length > 1);
  let dictionary: Float64Array = new Float64Array();
  while (reader.offset < bytes.byteLength) {
    const header = parquetHeader(reader);
    const page = new Uint8Array(bytes, reader.offset, header.compressed_page_size);
    reader.offset += header.compressed_page_size;
    const plain = () => decompressPage(page, header.uncompressed_page_size, found.codec, undefined);
    if (header.dictionary_page_header) {
      const { buffer, byteOffset, byteLength } = plain();
      const view = new DataView(buffer, byteOffset, byteLength);
      const entries = readPlain({ view, offset: 0 }, found.type, header.dictionary_page_header.num_values, undefined);
      dictionary = numbersOf(convert(entries, decoder), numberOf);
      continue;
    }
    const head = header.data_page_header_v2 ?? header.data_page_header!;
    const { definitionLevels, repetitionLevels, dataPage } = header.data_page_header_v2
      ? readDataPageV2(page, header, decoder)
      : readDataPage(plain(), header.data_page_header!, decoder);
    const isIndexed = head.encoding.endsWith('_DICTIONARY');
    const values = isIndexed ? looked(dataPage, dictionary) : numbersOf(convert(dataPage, decoder), numberOf);
    rows.add(head.num_values, values, definitionLevels, repetitionLevels);
  }
  return rows.result(name);
}

/** Rows of a column, from the levels of its values (Dremel encoding): of lists, the first value of a row has the repetition level 0. */
class Rows {
  readonly #full: number;
  readonly #lengths: Float64Array | undefined;
  readonly #pages: Float64Array[] = [];
  readonly #count: number;
  #row = 0;

  constructor(count: number, full: number, isList: boolean) {
    this.#count = count;
    this.#full = full;
    this.#lengths = isList ? new Float64Array(count) : undefined;
  }

  add(
    count: number,
    values: Float64Array,
    levels: ArrayLike<number> | undefined,
    repetitions: ArrayLike<number>,
  ): void {
    const full = this.#full;
    const lengths = this.#lengths;
    if (!lengths) {
      this.#row += count;
      this.#pages.push(levels?.length ? spread(values, levels, full) : values);
      return;
    }
    this.#pages.push(values);
    for (let at = 0; at < count; at += 1) {
      const level = levels?.length ? levels[at]! : full;
      if (repetitions[at] === 0) this.#row += 1;
      if (level === full) lengths[this.#row - 1]! += 1;
      // An optional list has one level more.
      else if (level === 0 && full === 2) lengths[this.#row - 1] = Number.NaN;
    }
  }

  result(name: string): ColumnValues {
    if (this.#row !== this.#count) throw new Error(`column ${name} has ${this.#row} of ${this.#count} rows`);
    const values = new Float64Array(this.#pages.reduce((sum, { length }) => sum + length, 0));
    let next = 0;
    for (const page of this.#pages) {
      values.set(page, next);
      next += page.length;
    }
    return { values, ...(this.#lengths && { lengths: this.#lengths }) };
  }
}

/** Values in the rows that have one, by their levels; NaN in the others. */
function spread(values: Float64Array, levels: ArrayLike<number>, full: number): Float64Array {
  const rows = new Float64Array(levels.length).fill(Number.NaN);
  let next = 0;
  for (let at = 0; at < rows.length; at += 1) {
    if (levels[at] !== full) continue;
    rows[at] = values[next]!;
    next += 1;
  }
  return rows;
}

function looked(indexes: ArrayLike<unknown>, dictionary: Float64Array): Float64Array {
  const numbers = new Float64Array(indexes.length);
  for (let at = 0; at < numbers.length; at += 1) {
    const number = dictionary[indexes[at] as number];
    if (number === undefined) throw new Error('a value is not in its dictionary');
    numbers[at] = number;
  }
  return numbers;
}

function numbersOf(values: ArrayLike<unknown>, numberOf: (value: unknown) => number): Float64Array {
  const numbers = new Float64Array(values.length);
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = numberOf(values[at]);
  return numbers;
}
