import type { SquallError } from '../../harness/errors.ts';
import { objectOf } from './lines.ts';

/** Unparsed row of a trace. */
export interface RawRow {
  /** Line number, from 1. */
  readonly line: number;
  /** Cell of a column or key. @throws SquallError `BAD_TRACE` if there is none of that name */
  cell(column: string): unknown;
}

/** Stands for a text that a message does not quote: until its columns are found, a file may be any other, such as one with keys. */
export const ANOTHER_TEXT: unique symbol = Symbol('another text');

/** Makes the error `BAD_TRACE` for a cell of a trace. @param found quoted as JSON, but for {@link ANOTHER_TEXT} */
export type BadCell = (line: number, column: string, expected: string, found: unknown) => SquallError;

/**
 * Rows of comma-separated values with a header line; blank lines are skipped. Cells may be quoted, but cannot contain line breaks:
 * traces hold numbers and dates.
 * @param columns that the header must contain
 * @throws SquallError `BAD_TRACE`
 */
export function* csvRows(lines: Iterable<string>, columns: readonly string[], bad: BadCell): Generator<RawRow> {
  let header: readonly string[] | undefined;
  for (const [line, text] of numbered(lines)) {
    const cells = cellsOf(text);
    if (!header) {
      header = cells;
      const missing = columns.find(column => !cells.includes(column));
      if (missing !== undefined)
        throw bad(line, missing, `a column of that name in the header, beside ${cells.length} others`, undefined);
      continue;
    }
    const { length } = header;
    const cell = (column: string) => {
      if (cells.length === length) return cells[header!.indexOf(column)];
      throw bad(line, column, `${length} cells, like the header`, `${cells.length} cells`);
    };
    yield { line, cell };
  }
}

/** Rows of one JSON object per line; blank lines are skipped. */
export function* ndjsonRows(lines: Iterable<string>, bad: BadCell): Generator<RawRow> {
  for (const [line, text] of numbered(lines)) {
    const object = objectOf(text);
    const cell = (column: string) => {
      if (object === undefined) throw bad(line, column, 'a JSON object in the line', ANOTHER_TEXT);
      if (Object.hasOwn(object, column)) return object[column];
      throw bad(line, column, `a key of that name, beside ${Object.keys(object).length} others`, undefined);
    };
    yield { line, cell };
  }
}

/** Lines that are not blank, with their numbers from 1. */
function* numbered(lines: Iterable<string>): Generator<readonly [line: number, text: string]> {
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (text.trim() !== '') yield [line, text];
  }
}

function cellsOf(text: string): string[] {
  const cells: string[] = [];
  for (const [, quoted, plain] of text.matchAll(/(?<=^|,)(?:\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/g))
    cells.push(quoted === undefined ? plain!.trim() : quoted.replaceAll('""', '"'));
  return cells;
}
