/** Markup that is safe to put into a page as it stands. Only {@link html} and {@link trusted} make it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** What may stand in a {@link html} template: text is escaped, markup is not, lists are joined, nothing leaves nothing. */
export type Content = Html | string | number | null | undefined | false | readonly Content[];

/**
 * A template whose every value is escaped unless it is markup itself, so that no text of a run can become a tag, an
 * attribute or a script. Values in attributes must stand in double quotes.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((text, index) => text + markupOf(values[index])).join(''));
}

/** Marks a string of this project's own, never one of a run, as markup. */
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
 * Escapes text for element content and quoted attributes. What HTML cannot carry (control characters, lone surrogates) and
 * what reorders the text around it (bidirectional overrides) becomes U+FFFD.
 */
function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, character => (/[\t\n\r]/.test(character) ? character : '\ufffd'))
    .replace(/[&<>"']/g, character => ENTITIES[character]!);
}

/** A dash that says why there is no value, on hover and to screen readers. */
export function missing(why: string): Html {
  return html`<span class="none" role="img" aria-label="${`no value: ${why}`}" title="${why}">–</span>`;
}
