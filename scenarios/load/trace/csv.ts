import type { RawRow, TraceSource } from './trace.ts';

/**
 * Rows of comma-separated values under a header line; blank lines are skipped. Cells may stand in double quotes, but hold no
 * line breaks: traces are numbers and dates.
 */
export function* csvRows(lines: Iterable<string>, source: TraceSource): Generator<RawRow> {
  let header: readonly string[] | undefined;
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    const cells = cellsOf(text);
    if (!header) {
      header = cells;
      continue;
    }
    yield rowOf(line, header, cells, source);
  }
}

function rowOf(line: number, header: readonly string[], cells: readonly string[], source: TraceSource): RawRow {
  return {
    line,
    cell(column) {
      const at = header.indexOf(column);
      if (at < 0) throw source.bad(1, column, `a column of that name in the header (${header.join(', ')})`, undefined);
      if (cells.length !== header.length)
        throw source.bad(line, column, `${header.length} cells, as the header has`, `${cells.length} cells`);
      return cells[at];
    },
  };
}

function cellsOf(text: string): string[] {
  const cells: string[] = [];
  for (const [, quoted, plain] of text.matchAll(/(?:^|,)(?:\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/g))
    cells.push(quoted === undefined ? plain!.trim() : quoted.replaceAll('""', '"'));
  return cells;
}
