import type { RawRow, TraceSource } from './row.ts';

/** Rows of one JSON object a line; blank lines are skipped. */
export function* ndjsonRows(lines: Iterable<string>, source: TraceSource): Generator<RawRow> {
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    const at = line;
    const object = objectOf(text);
    yield {
      line,
      cell(column) {
        if (object === undefined) throw source.bad(at, column, 'a JSON object in the line', text);
        if (!Object.hasOwn(object, column)) {
          const found = Object.keys(object).join(', ').slice(0, 200);
          throw source.bad(at, column, `a key of that name (${found})`, undefined);
        }
        return object[column];
      },
    };
  }
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
