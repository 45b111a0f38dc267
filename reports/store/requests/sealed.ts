import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { openRegular } from '../../../harness/input/files.ts';
import type { Requests } from '../../../harness/requests.ts';
import { type Lists, readLists } from './lists.ts';
import { type Chunk, FIELDS, NAMES, type Name, ROWS } from './row.ts';
import { TableBuilder, type Values } from './table.ts';

/** Maximum number of records, against files that only claim to have them. */
const MAX_RECORDS = 100_000_000;

/**
 * Records of a sealed file, read one row group at a time.
 * @throws SquallError `BAD_REQUESTS` for another file, for one that is cut, and for one whose records are not in scheduled order
 */
export async function readSealed(path: string, signal?: AbortSignal): Promise<Requests> {
  try {
    openRegular(path)[Symbol.dispose]();
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const found = new Set(metadata.schema.map(({ name }) => name));
    const missing = NAMES.find(
      name => !('lacks' in FIELDS[name] && FIELDS[name].lacks === 'undefined') && !found.has(name),
    );
    if (missing !== undefined) throw new Error(`it has no column ${missing}`);
    if (metadata.num_rows > MAX_RECORDS) throw new Error(`it has more than ${MAX_RECORDS} records`);
    const columns = NAMES.filter(name => found.has(name) && FIELDS[name].kind !== 'list');
    const builder = new TableBuilder();
    const chunks: Chunk[] = [];
    let rowStart = 0;
    let before = Number.NEGATIVE_INFINITY;
    for (const group of metadata.row_groups) {
      signal?.throwIfAborted();
      const rowEnd = rowStart + Number(group.num_rows);
      const parts = new Map<Name, Values[]>();
      const onChunk = ({ columnName, columnData }: { columnName: string; columnData: Values }) => {
        const name = columnName as Name;
        parts.set(name, [...(parts.get(name) ?? []), columnData]);
      };
      await parquetRead({ file, metadata, columns, rowStart, rowEnd, onChunk });
      const values = new Map([...parts].map(([name, pages]) => [name, joined(pages)]));
      const lists = new Map<Name, (rows: number) => Lists>();
      for (const name of NAMES.filter(name => FIELDS[name].kind === 'list')) {
        const column = await readLists(file, metadata, group, name);
        if (column) lists.set(name, partsOf(column));
      }
      for (let from = 0; from < rowEnd - rowStart; from += ROWS) {
        const rows = Math.min(ROWS, rowEnd - rowStart - from);
        chunks.push(builder.chunk(rows, name => lists.get(name)?.(rows) ?? values.get(name)?.slice(from, from + rows)));
      }
      before = lastIndex(values.get('index') ?? [], before);
      rowStart = rowEnd;
    }
    return builder.table(chunks);
  } catch (error) {
    signal?.throwIfAborted();
    const message = `Expected ${path} to contain the requests of a run, but: ${messageOf(error)}`;
    const next = 'Restore the file, or move it away to judge the run without it.';
    throw new SquallError('environment', 'BAD_REQUESTS', message, { cause: error, next });
  }
}

type Sliceable = Values & { slice(from: number, to: number): Values };

function joined(pages: readonly Values[]): Sliceable {
  if (pages.length === 1) return pages[0] as Sliceable;
  return pages.flatMap(page => Array.from(page));
}

/** The lists of a column as so many rows at a time. */
function partsOf({ lengths, elements }: Lists): (rows: number) => Lists {
  let [row, element] = [0, 0];
  return rows => {
    const own = lengths.slice(row, row + rows);
    const count = own.reduce((sum, length) => sum + (length || 0), 0);
    row += rows;
    element += count;
    return { lengths: own, elements: elements.slice(element - count, element) };
  };
}

function lastIndex(indexes: Values, before: number): number {
  let last = before;
  for (let row = 0; row < indexes.length; row += 1) {
    const index = Number(indexes[row]);
    if (index < last) throw new Error('its records are not in the order of `index`');
    last = index;
  }
  return last;
}
