import { randomBytes } from 'node:crypto';
import { styleText } from 'node:util';
import { escaped, visible } from '../harness/input/visible.ts';
import { type Rows, textLines } from '../reports/render/rows.ts';

/** Stands for the beginning of our own escape sequences until a text is written. No text of others can contain it. */
const ESCAPE = `\uE000${randomBytes(8).toString('hex')}`;

/** A text in a style, for {@link say} and {@link shown} only; without one where stdout shows no colours. */
export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  const [before, after] = styleText(style, '\0').split('\0') as [string, string];
  return `${before.replaceAll('\x1b', ESCAPE)}${text}${after.replaceAll('\x1b', ESCAPE)}`;
}

/** A line as a terminal may get it: of what controls one, only the sequences of {@link paint} are left. */
export function shown(line: string): string {
  return escaped(line.replaceAll(/\s*\n\s*/g, ' ')).replaceAll(ESCAPE, '\x1b');
}

/**
 * Writes lines. All that people read is written here, but for summaries, since scenarios, files and servers under test may contain
 * what a terminal obeys.
 */
export function say(stream: NodeJS.WritableStream, ...lines: readonly string[]): void {
  stream.write(lines.map(line => `${shown(line)}\n`).join(''));
}

/** Writes a document to stdout as indented JSON, in which such characters are escaped. */
export function printJson(document: unknown): void {
  const json = JSON.stringify(document, null, 2);
  process.stdout.write(`${visible(json)}\n`);
}

/** `1 run`, `2 runs`. @param what in the singular, of which the plural has an s */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/**
 * A table, its headings in bold; where that is wider than the terminal, a block of lines for each row.
 * @param columns of the terminal. @default that of stdout, unlimited where it is none
 */
export function tableLines(
  rows: Rows,
  columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY,
): string[] {
  const [heads = '', ...lines] = textLines(rows);
  if ([heads, ...lines].every(({ length }) => length <= columns)) return [paint('bold', heads), ...lines];
  const [names = [], ...records] = rows;
  const width = Math.max(0, ...names.slice(1).map(({ length }) => length));
  return records.flatMap(([name = '', ...cells]) => [
    paint('bold', name),
    ...cells.map((cell, index) => `  ${names[index + 1]!.padEnd(width)}  ${cell}`),
  ]);
}
