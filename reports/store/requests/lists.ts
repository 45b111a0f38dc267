import type { AsyncBuffer, FileMetaData, RowGroup } from 'hyparquet';
import { parquetSchema } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { decompressPage, readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getTreePath } from 'hyparquet/src/schema.js';

/** Lists of numbers, one a row: their lengths, NaN for none, and the elements of all of them behind one another. */
export interface Lists {
  readonly lengths: Float64Array;
  readonly elements: Float64Array;
}

/**
 * A column of lists of numbers in a row group, without an array for each row.
 * @returns undefined where the row group has no such column
 */
export async function readLists(
  file: AsyncBuffer,
  metadata: FileMetaData,
  { columns, num_rows }: RowGroup,
  name: string,
): Promise<Lists | undefined> {
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
  const full = getMaxDefinitionLevel(schemaPath);
  const lengths = new Float64Array(Number(num_rows));
  const pages: Float64Array[] = [];
  let dictionary: ArrayLike<unknown> | undefined;
  let row = -1;
  while (reader.offset < bytes.byteLength) {
    const header = parquetHeader(reader);
    const page = new Uint8Array(bytes, reader.offset, header.compressed_page_size);
    reader.offset += header.compressed_page_size;
    if (header.dictionary_page_header) {
      const plain = decompressPage(page, header.uncompressed_page_size, found.codec, undefined);
      const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
      const count = header.dictionary_page_header.num_values;
      dictionary = readPlain({ view, offset: 0 }, found.type, count, undefined);
      continue;
    }
    const head = header.data_page_header_v2 ?? header.data_page_header!;
    const {
      definitionLevels = [],
      repetitionLevels,
      dataPage,
    } = header.data_page_header_v2
      ? readDataPageV2(page, header, decoder)
      : readDataPage(
          decompressPage(page, header.uncompressed_page_size, found.codec, undefined),
          header.data_page_header!,
          decoder,
        );
    const isIndexed = head.encoding.endsWith('_DICTIONARY');
    const values = new Float64Array(dataPage.length);
    for (let at = 0; at < values.length; at += 1)
      values[at] = Number(isIndexed ? dictionary![dataPage[at] as number] : dataPage[at]);
    pages.push(values);
    for (let at = 0; at < head.num_values; at += 1) {
      const level = definitionLevels.length > 0 ? definitionLevels[at]! : full;
      if (repetitionLevels[at] === 0) row += 1;
      if (level === full) lengths[row]! += 1;
      // An optional list has one level more.
      else if (level === 0 && full === 2) lengths[row] = Number.NaN;
    }
  }
  if (row + 1 !== lengths.length) throw new Error(`column ${name} has ${row + 1} of ${lengths.length} rows`);
  const elements = new Float64Array(pages.reduce((sum, { length }) => sum + length, 0));
  let next = 0;
  for (const page of pages) {
    elements.set(page, next);
    next += page.length;
  }
  return { lengths, elements };
}
