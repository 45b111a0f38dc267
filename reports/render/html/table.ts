import { type Content, type Html, html } from './html.ts';

/** A table; `id` must be unique in the page. `head` holds whole rows of `<th scope>`. */
export interface Table {
  readonly id: string;
  readonly caption: Content;
  readonly head: Html;
  readonly rows: readonly Html[];
}

/** A table of many columns, which scrolls sideways within the page, by touch and by keyboard; its first column stays. */
export function scrollTable({ id, caption, head, rows }: Table): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}-caption"><table id="${id}" class="matrix">
<caption id="${id}-caption">${caption}</caption><thead>${head}</thead><tbody>
${rows.map(row => html`${row}\n`)}</tbody></table></div>`;
}

/** A table of few columns with sentences in them, whose rows become cards on a narrow page; its cells come from {@link cell}. */
export function cardTable({ id, caption, head, rows }: Table): Html {
  return html`<table id="${id}" class="cards" role="table">
<caption>${caption}</caption><thead role="rowgroup">${head}</thead><tbody role="rowgroup">
${rows.map(row => html`${row}\n`)}</tbody></table>`;
}

/** A cell of a {@link cardTable}; `label` repeats its column's heading where rows are cards. */
export function cell(label: string, content: Content, className = ''): Html {
  return html`<td role="cell" class="${className}" data-label="${label}"><div>${content}</div></td>`;
}
