import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where bytes are: in memory, or in a file. */
export type Place = Uint8Array | { readonly offset: number; readonly length: number };

/**
 * Room for the columns of a run: memory up to a limit, then a temporary file without a name, which is gone when the process ends or the
 * space is no longer used, whatever ends it.
 */
export class Space {
  readonly #maxBytes: number;
  #used = 0;
  #file: number | undefined;
  #end = 0;
  /** Of the file, until the next bytes are read from it. */
  #scratch = new Uint8Array(1 << 17);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Keeps bytes, which must not change afterwards. */
  put(bytes: Uint8Array): Place {
    if (this.#used + bytes.length <= this.#maxBytes) {
      this.#used += bytes.length;
      return bytes;
    }
    this.#file ??= this.#open();
    writeSync(this.#file, bytes, 0, bytes.length, this.#end);
    const place = { offset: this.#end, length: bytes.length };
    this.#end += bytes.length;
    return place;
  }

  /** Bytes at a place, at an offset that is a multiple of 8; valid until the next call. */
  get(place: Place): Uint8Array {
    if (place instanceof Uint8Array) return place;
    if (place.length > this.#scratch.length) this.#scratch = new Uint8Array(2 * place.length);
    readSync(this.#file!, this.#scratch, 0, place.length, place.offset);
    return this.#scratch.subarray(0, place.length);
  }

  #open(): number {
    const folder = mkdtempSync(join(tmpdir(), 'squall-columns-'));
    const file = openSync(join(folder, 'columns'), 'wx+', 0o600);
    rmSync(folder, { recursive: true });
    CLOSING.register(this, file);
    return file;
  }
}

const CLOSING = new FinalizationRegistry<number>(file => closeSync(file));
