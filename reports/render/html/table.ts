import { type Content, type Html, html } from './html.ts';

/** Content of a table; `id` must be unique in the page, `head` consists of rows of `<th scope>`. */
export interface Table {
  readonly id: string;
  readonly caption: Content;
  readonly head: Html;
  readonly rows: readonly Html[];
}

/** Table of many columns, which scrolls horizontally by touch and by keyboard; its first column is sticky. */
export function scrollTable({ id, caption, head, rows }: Table): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}-caption"><table id="${id}" class="matrix">
<caption id="${id}-caption">${caption}</caption><thead>${head}</thead><tbody>
${rows.map(row => html`${row}\n`)}</tbody></table></div>`;
}

/** Table of few columns with sentences, whose rows become cards on a narrow page; its cells are made by {@link cell}. */
export function cardTable({ id, caption, head, rows }: Table): Html {
  return html`<table id="${id}" class="cards" role="table">
<caption>${caption}</caption><thead role="rowgroup">${head}</thead><tbody role="rowgroup">
${rows.map(row => html`${row}\n`)}</tbody></table>`;
}

/** Cell of a {@link cardTable}; `label` repeats the column's heading where rows are cards. */
export function cell(label: string, content: Content, className = ''): Html {
  return html`<td role="cell" class="${className}" data-label="${label}"><div>${content}</div></td>`;
}
