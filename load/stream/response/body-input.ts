import { type Decompressor, decompressor, isCompressed } from './decompress.ts';

/** Length of the beginning that is kept, in bytes: more than a report shows, since secrets are masked before it is cut. */
const START_BYTES = 2048;

/** Bytes of a body as they arrive: decoded where they are compressed, with the beginning kept for reports. */
export class BodyInput {
  readonly #onBytes: (bytes: Buffer, arrivalMs: number) => void;
  readonly #decompressor: Decompressor | undefined;
  #start = '';

  /**
   * @param encoding `Content-Encoding` of the response
   * @param onBytes called with the time at which the bytes arrived
   * @param onError called if the body is not in that encoding
   */
  constructor(
    encoding: string | undefined,
    onBytes: (bytes: Buffer, arrivalMs: number) => void,
    onError: (error: Error) => void,
  ) {
    this.#onBytes = onBytes;
    if (isCompressed(encoding))
      this.#decompressor = decompressor(encoding, (bytes, arrivalMs) => this.#take(bytes, arrivalMs), onError);
  }

  /** Beginning of the body so far. */
  get start(): string {
    return fromLatin1(this.#start);
  }

  feed(bytes: Buffer, arrivalMs: number): void {
    if (this.#decompressor) this.#decompressor.feed(bytes, arrivalMs);
    else this.#take(bytes, arrivalMs);
  }

  /** Calls `ended` when all of the body has been passed on, at once unless it is compressed. */
  end(ended: () => void): void {
    if (this.#decompressor) this.#decompressor.end(ended);
    else ended();
  }

  destroy(): void {
    this.#decompressor?.destroy();
  }

  #take(bytes: Buffer, arrivalMs: number): void {
    const missing = START_BYTES - this.#start.length;
    if (missing > 0) this.#start += bytes.toString('latin1', 0, missing);
    this.#onBytes(bytes, arrivalMs);
  }
}

/** The text whose UTF-8 was read as Latin-1. */
export function fromLatin1(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
