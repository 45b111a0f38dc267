/** Characters that a terminal obeys, or that reorder or hide what stands around them: controls, line separators, marks of direction. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A text on one line in which nothing moves a cursor or reorders the line: such characters are escaped, as in `\u001b`. */
export function escaped(text: string): string {
  return text.replaceAll(UNSAFE, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** {@link escaped} for a text of several lines. */
export function visible(text: string): string {
  return text.split('\n').map(escaped).join('\n');
}
