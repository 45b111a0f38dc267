import { oneLine } from './cells.ts';
import { type Html, html } from './html/html.ts';
import { cardTable, cell, scrollTable } from './html/table.ts';

/** Rows of cells, the first of them headings. */
export type Rows = readonly (readonly string[])[];

/** Rows as a Markdown table. */
export function markdownTable([heads = [], ...rows]: Rows): string {
  const line = (cells: readonly string[]) => `| ${cells.map(markdownText).join(' | ')} |`;
  return [line(heads), `|${' --- |'.repeat(heads.length)}`, ...rows.map(line)].join('\n');
}

/** Free text for Markdown: one line, in which nothing is markup. */
export function markdownText(value: string): string {
  return oneLine(value).replaceAll(/[\\|<`*_~[\]]/g, '\\$&');
}

/** Rows as a table of the report, see {@link scrollTable}. */
export function htmlTable(id: string, caption: string, [heads = [], ...rows]: Rows): Html {
  return scrollTable({
    id,
    caption,
    head: html`<tr>${heads.map(head => html`<th scope="col">${head}</th>`)}</tr>`,
    rows: rows.map(
      ([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map(cell => html`<td>${cell}</td>`)}</tr>`,
    ),
  });
}

/**
 * Rows as a table of the report whose rows become cards on a narrow page, see {@link cardTable}.
 * @param numbers headings of the columns with numbers
 */
export function htmlCards(
  id: string,
  caption: string,
  [heads = [], ...rows]: Rows,
  numbers: readonly string[] = [],
): Html {
  const classOf = (head: string) => (numbers.includes(head) ? 'number' : '');
  return cardTable({
    id,
    caption,
    head: html`<tr role="row">${heads.map(head => html`<th scope="col" role="columnheader" class="${classOf(head)}">${head}</th>`)}</tr>`,
    rows: rows.map(
      ([name, ...cells]) =>
        html`<tr role="row"><th scope="row" role="rowheader">${name}</th>${cells.map((text, at) => cell(heads[at + 1]!, text, classOf(heads[at + 1]!)))}</tr>`,
    ),
  });
}

/** Rows as lines with columns of equal width, the headings first. */
export function textLines(rows: Rows): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
