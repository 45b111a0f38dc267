import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { openRegular } from '../../../harness/input/files.ts';
import type { Requests } from '../../../harness/requests.ts';
import { type ColumnValues, Room, readColumn } from './pages.ts';
import { type Chunk, FIELDS, NAMES, type Name, ROWS } from './row.ts';
import { TableBuilder } from './table.ts';

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
    const builder = new TableBuilder();
    const chunks: Chunk[] = [];
    const rooms = new Map(NAMES.map(name => [name, new Room()]));
    let before = Number.NEGATIVE_INFINITY;
    for (const group of metadata.row_groups) {
      signal?.throwIfAborted();
      const columns = new Map<Name, ColumnValues>();
      for (const name of NAMES) {
        const column = await readColumn(file, metadata, group, name, builder.numberOf(name), rooms.get(name)!);
        if (column) columns.set(name, column);
      }
      const parts = new Map([...columns].map(([name, column]) => [name, partsOf(column)]));
      const count = Number(group.num_rows);
      for (let from = 0; from < count; from += ROWS) {
        const rows = Math.min(ROWS, count - from);
        chunks.push(builder.chunk(rows, name => parts.get(name)?.(rows)));
      }
      before = lastIndex(columns.get('index')!.values, before);
    }
    return builder.table(chunks);
  } catch (error) {
    signal?.throwIfAborted();
    const message = `Expected ${path} to contain the requests of a run, but: ${messageOf(error)}`;
    const next = 'Restore the file, or move it away to judge the run without it.';
    throw new SquallError('environment', 'BAD_REQUESTS', message, { cause: error, next });
  }
}

/** A column as so many rows at a time. */
function partsOf({ lengths, values }: ColumnValues): (rows: number) => ColumnValues {
  let [row, next] = [0, 0];
  return rows => {
    const own = lengths?.subarray(row, row + rows);
    const count = own ? own.reduce((sum, length) => sum + (length || 0), 0) : rows;
    row += rows;
    next += count;
    return { values: values.subarray(next - count, next), ...(own && { lengths: own }) };
  };
}

function lastIndex(indexes: Float64Array, before: number): number {
  let last = before;
  for (const index of indexes) {
    if (index < last) throw new Error('its records are not in the order of `index`');
    last = index;
  }
  return last;
}
