import { findSecrets, LOOKBEHIND, REPLACEMENTS, type SecretKind, undecidedFrom } from './secrets.ts';

/**
 * A text that arrives in pieces. Its secrets are those of the whole text, wherever it is cut:
 *
 * ```
 *  … and call 138 0013 8000 or wri│te to zh          pieces
 * ├──────── decided ──────────────────────┤undecided┤
 * ```
 *
 * Offsets are UTF-16 code units from the beginning of the text. What is undecided is at most {@link MAX_SECRET} long.
 */
export class TextChannel {
  readonly #kinds: readonly SecretKind[];
  readonly #onFound: (kind: SecretKind) => void;
  /** The undecided text, and what secrets in it may look back at. */
  #text = '';
  /** Offset of `#text`. */
  #base = 0;
  #decided = 0;
  /** In segments that were not taken yet. */
  #secrets: { readonly start: number; readonly end: number; readonly replacement: string }[] = [];

  constructor(kinds: readonly SecretKind[], onFound: (kind: SecretKind) => void) {
    this.#kinds = kinds;
    this.#onFound = onFound;
  }

  /** Offset up to which it is known what is secret. */
  get decided(): number {
    return this.#decided;
  }

  /** Adds a piece. @returns its offset */
  push(piece: string): number {
    const offset = this.#base + this.#text.length;
    this.#text += piece;
    this.#decide(undecidedFrom(this.#text, this.#decided - this.#base));
    return offset;
  }

  /** Decides about all of it, as if nothing followed. */
  end(): void {
    this.#decide(this.#text.length);
  }

  /** Decides about all of it at once: what is undecided counts as a secret. */
  conceal(): void {
    const end = this.#base + this.#text.length;
    if (end === this.#decided) return;
    this.#secrets.push({ start: this.#decided, end, replacement: '[REDACTED]' });
    this.#advance(end);
  }

  /**
   * Takes a segment whose end is decided; all before it have been taken. A secret is replaced in the segment in which it begins, and missing in
   * those that it extends into.
   */
  take(segment: string, offset: number): string {
    const end = offset + segment.length;
    let redacted = '';
    let from = offset;
    while (this.#secrets.length > 0 && this.#secrets[0]!.start < end) {
      const secret = this.#secrets[0]!;
      if (secret.start >= offset) redacted += segment.slice(from - offset, secret.start - offset) + secret.replacement;
      from = Math.min(secret.end, end);
      if (secret.end > end) break;
      this.#secrets.shift();
    }
    return redacted + segment.slice(from - offset);
  }

  /** @param until in `#text`: whatever begins before is final */
  #decide(until: number): void {
    let decided = this.#base + until;
    for (const { kind, start, end } of findSecrets(this.#text, this.#kinds, this.#decided - this.#base)) {
      if (start >= until) break;
      this.#secrets.push({ start: this.#base + start, end: this.#base + end, replacement: REPLACEMENTS[kind] });
      this.#onFound(kind);
      decided = Math.max(decided, this.#base + end);
    }
    this.#advance(decided);
  }

  #advance(decided: number): void {
    this.#decided = decided;
    const unneeded = decided - LOOKBEHIND - this.#base;
    if (unneeded <= 0) return;
    this.#text = this.#text.slice(unneeded);
    this.#base += unneeded;
  }
}
