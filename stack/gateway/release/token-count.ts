/** An event of a stream with text in it, which an engine sends for each token. */
const TEXT = /"(?:content|text|reasoning_content)":\s*"[^"]/g;
const USAGE = /"completion_tokens":\s*(\d{1,9})/g;

/**
 * Counts the tokens of a response from its bytes as they come: by its usage, if it has one, otherwise by its events with text. What is split over two
 * reads may be missed.
 */
export class TokenCount {
  #events = 0;
  #usage = 0;

  get total(): number {
    return this.#usage || this.#events;
  }

  read(chunk: Buffer): void {
    const text = chunk.toString('latin1');
    this.#events += text.match(TEXT)?.length ?? 0;
    for (const [, tokens] of text.matchAll(USAGE)) this.#usage = Number(tokens);
  }
}
