/** Markup that is safe to include in a page. Only {@link html} and {@link trusted} create it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** Value of an {@link html} template: text is escaped, markup is not, lists are joined; null, undefined and false are omitted. */
export type Content = Html | string | number | null | undefined | false | readonly Content[];

/**
 * Template that escapes every value except markup, so that no text of a run can become a tag, an attribute or a script. Attribute
 * values must be in double quotes.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((text, index) => text + markupOf(values[index])).join(''));
}

/** Marks a string as markup; only for strings of this project, never for those of a run. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function markupOf(content: Content): string {
  if (content === null || content === undefined || content === false) return '';
  if (content instanceof Html) return content.markup;
  if (typeof content === 'object') return content.map(markupOf).join('');
  return escapeText(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Escapes text for element content and quoted attributes. Characters that HTML does not allow (control characters, lone surrogates)
 * or that reorder the surrounding text (bidirectional overrides) become U+FFFD.
 */
function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, character => (/[\t\n\r]/.test(character) ? character : '\ufffd'))
    .replace(/[&<>"']/g, character => ENTITIES[character]!);
}

/** Dash that explains a missing value on hover and to screen readers. */
export function missing(why: string): Html {
  return html`<span class="none" role="img" aria-label="${`no value: ${why}`}" title="${why}">–</span>`;
}
