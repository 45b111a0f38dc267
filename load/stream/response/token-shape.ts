/** Precedes the text of a token in a chunk of a chat completion. */
const CONTENT = '"content":"';
/** Characters that end or escape a JSON string, or are not Latin-1. */
const NOT_PLAIN = /[^ !#-[\]-\xff]/;
/** Events to learn from per response: the first often differs from the rest, and some servers never send two of one shape. */
const MAX_LEARNT = 3;

/**
 * Recognises a token event without parsing it, by its similarity to a parsed one: the same bytes except for the text. Replacing one
 * non-empty JSON string without escapes by another leaves JSON valid, with the same fields. Servers repeat all but the text, so
 * this saves a twelfth of the cost of a token.
 */
export class TokenShape {
  #before = '';
  #after = '';
  #learnt = 0;

  /** Learns from the bytes of one token event: a complete line, including `data:` and its line end. */
  learn(bytes: Buffer): void {
    if (this.#learnt === MAX_LEARNT) return;
    this.#learnt += 1;
    const text = bytes.toString('latin1');
    const from = text.indexOf(CONTENT) + CONTENT.length;
    const to = text.indexOf('"', from);
    if (from < CONTENT.length || to <= from || NOT_PLAIN.test(text.slice(from, to))) return;
    this.#before = bytes.toString('latin1', 0, from);
    this.#after = bytes.toString('latin1', to);
  }

  /** Whether these bytes are an event of the shape learnt last. */
  fits(bytes: Buffer): boolean {
    const from = this.#before.length;
    const to = bytes.length - this.#after.length;
    return (
      from > 0 &&
      from < to &&
      bytes.toString('latin1', 0, from) === this.#before &&
      bytes.toString('latin1', to) === this.#after &&
      !NOT_PLAIN.test(bytes.toString('latin1', from, to))
    );
  }
}
