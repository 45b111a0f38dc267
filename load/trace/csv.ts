import type { RawRow, TraceSource } from './row.ts';

/**
 * Rows of comma-separated values under a header line; blank lines are skipped. Cells may stand in double quotes, but hold no
 * line breaks: traces are numbers and dates.
 * @param columns that the header must have; rows have no other cells
 * @throws SquallError `BAD_TRACE`
 */
export function* csvRows(lines: Iterable<string>, columns: readonly string[], source: TraceSource): Generator<RawRow> {
  let header: readonly string[] | undefined;
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    const cells = cellsOf(text);
    if (!header) {
      header = cells;
      const missing = columns.find(column => !cells.includes(column));
      const found = cells.join(', ').slice(0, 200);
      if (missing !== undefined)
        throw source.bad(line, missing, `a column of that name in the header (${found})`, undefined);
      continue;
    }
    yield rowOf(line, header, cells, source);
  }
}

function rowOf(line: number, header: readonly string[], cells: readonly string[], source: TraceSource): RawRow {
  return {
    line,
    cell(column) {
      if (cells.length !== header.length)
        throw source.bad(line, column, `${header.length} cells, as the header has`, `${cells.length} cells`);
      return cells[header.indexOf(column)];
    },
  };
}

function cellsOf(text: string): string[] {
  const cells: string[] = [];
  for (const [, quoted, plain] of text.matchAll(/(?<=^|,)(?:\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/g))
    cells.push(quoted === undefined ? plain!.trim() : quoted.replaceAll('""', '"'));
  return cells;
}
