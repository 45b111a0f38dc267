import { MAX_REQUESTS } from '../../../harness/plan.ts';
import type { Requests } from '../../../harness/requests.ts';
import { requireAll } from './expected.ts';
import { badRequests, type GrownPart } from './growing.ts';
import type { LaterColumn } from './lists.ts';
import { type ColumnValues, type Numbers, Room } from './pages.ts';
import { ParquetFile } from './parquet-file.ts';
import { type Chunk, FIELDS, NAMES, type Name, ROWS } from './row.ts';
import { TableBuilder } from './table.ts';

/** Bytes of a file's lists up to which they are read with the other columns. */
const MAX_LIST_BYTES = 4 * 2 ** 20;

/**
 * Records of a sealed file, read one row group at a time. In a long run the gaps between tokens are most of it, and few folds want them: they
 * are read from the file by each that does, which therefore stays open.
 * @param maxListBytes bytes of lists above which a run is a long one
 * @throws SquallError `BAD_REQUESTS` for another file, for one that is cut, and for one whose records are not in scheduled order
 */
export async function readSealed(
  path: string,
  signal?: AbortSignal,
  maxListBytes: number = MAX_LIST_BYTES,
): Promise<Requests> {
  const builder = new TableBuilder();
  return builder.table(await chunksOf(path, () => ParquetFile.open(path), builder, maxListBytes, signal));
}

/** Records of the row groups of a growing file. @throws SquallError `BAD_REQUESTS` as {@link readSealed} */
export function readGrown(
  { path, metadata }: GrownPart,
  builder: TableBuilder,
  signal?: AbortSignal,
): Promise<readonly Chunk[]> {
  return chunksOf(path, async () => ParquetFile.of(path, metadata), builder, MAX_LIST_BYTES, signal);
}

async function chunksOf(
  path: string,
  open: () => Promise<ParquetFile>,
  builder: TableBuilder,
  maxListBytes: number,
  signal: AbortSignal | undefined,
): Promise<readonly Chunk[]> {
  let file: ParquetFile | undefined;
  try {
    file = await open();
    requireRecords(file);
    const isLong = LISTS.reduce((sum, name) => sum + file!.bytesOf(name), 0) > maxListBytes;
    const chunks = chunksIn(file, builder, isLong ? LISTS : [], error => badRequests(path, error), signal);
    if (!isLong) file[Symbol.dispose]();
    return chunks;
  } catch (error) {
    file?.[Symbol.dispose]();
    signal?.throwIfAborted();
    throw badRequests(path, error);
  }
}

const LISTS = NAMES.filter(name => FIELDS[name].kind === 'list');

function requireRecords({ metadata }: ParquetFile): void {
  const found = new Set(metadata.schema.map(({ name }) => name));
  const missing = NAMES.find(
    name => !('lacks' in FIELDS[name] && FIELDS[name].lacks === 'undefined') && !found.has(name),
  );
  if (missing !== undefined) throw new Error(`it has no column ${missing}`);
  // Against files that only claim to have them.
  if (metadata.num_rows > MAX_REQUESTS) throw new Error(`it has more than ${MAX_REQUESTS} records`);
}

/** @param later lists that are read when somebody wants them @param badLists what is thrown when that fails */
function chunksIn(
  file: ParquetFile,
  builder: TableBuilder,
  later: readonly Name[],
  badLists: (error: unknown) => Error,
  signal: AbortSignal | undefined,
): Chunk[] {
  const fields = NAMES.map(name => ({ name, put: builder.putNumbers(name), room: new Room() }));
  const chunks: Chunk[] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const group of file.metadata.row_groups) {
    signal?.throwIfAborted();
    const parts = new Map<Name, (rows: number) => ColumnValues | LaterColumn>();
    for (const { name, put, room } of fields) {
      if (later.includes(name) && file.bytesOf(name) > 0) {
        parts.set(
          name,
          laterParts(own => loaded(name, () => file.column(group, name, put, own), badLists)),
        );
        continue;
      }
      const column = file.column(group, name, put, room);
      if (column) parts.set(name, partsOf(column));
      if (column && name === 'index') before = lastIndex(column.values, before);
    }
    const count = Number(group.num_rows);
    for (let from = 0; from < count; from += ROWS) {
      const rows = Math.min(ROWS, count - from);
      chunks.push(builder.chunk(rows, name => parts.get(name)?.(rows)));
    }
  }
  return chunks;
}

function loaded(name: Name, load: () => ColumnValues | undefined, bad: (error: unknown) => Error): ColumnValues {
  try {
    const lists = load();
    if (!lists?.lengths) throw new Error(`column ${name} has no lists`);
    requireAll(name, lists.lengths);
    return lists;
  } catch (error) {
    throw bad(error);
  }
}

/** A column of lists that are read later, as so many rows at a time. */
function laterParts(load: (room: Room) => ColumnValues): (rows: number) => LaterColumn {
  const later = { load };
  let next = 0;
  return rows => {
    next += rows;
    return { later, first: next - rows };
  };
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

function lastIndex(indexes: Numbers, before: number): number {
  let last = before;
  for (let row = 0; row < indexes.length; row += 1) {
    const index = indexes[row]!;
    if (index < last) throw new Error('its records are not in the order of `index`');
    last = index;
  }
  return last;
}
