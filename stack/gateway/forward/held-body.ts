/** The part of a body that is not sent yet. */
export class HeldBody {
  #chunks: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get chunks(): number {
    return this.#chunks.length;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** All of it, in one piece. */
  whole(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }

  /** Takes all of it, in one piece. */
  take(): Buffer {
    const all = this.whole();
    this.#chunks = [];
    this.#bytes = 0;
    return all;
  }
}
