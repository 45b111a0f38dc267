import { hkdfSync } from 'node:crypto';
import { sm3 } from './sm2.ts';
import { KEY_BYTES, NONCE_BYTES, openCcm, sealCcm, TAG_BYTES } from './sm4-ccm.ts';

/** Name of the coding in `content-encoding` and `accept-encoding`. */
export const CODING = 'sm4-ccm-sm3';
/** Bytes of the salt with which a body begins. */
export const SALT_BYTES = 16;
const DIGEST_BYTES = 32;
const HEAD_BYTES = 9;
/** Longest text of a chunk, so that a receiver holds no more than one. */
const MAX_CHUNK_BYTES = 65_536;

/** What a body belongs to, so that it can stand for no other. */
export interface BodyContext {
  /** Agreed key. */
  readonly key: Uint8Array;
  /** Of a request: its method and path. Of a response: those, and the salt of its request in hex. */
  readonly purpose: string;
}

/** What a body is for. @param requestSalt of a response: that of its request in hex, empty for a plain one */
export function purposeOf(route: string, requestSalt?: string): string {
  return requestSalt === undefined ? `request POST ${route}` : `response POST ${route} ${requestSalt}`;
}

/** Encrypts a body chunk by chunk. @param salt random, of {@link SALT_BYTES}, never used before with the key */
export class BodySealer {
  readonly #key: Uint8Array;
  #prefix: Uint8Array;
  #digest: Buffer;
  #number = 0;

  constructor({ key, purpose }: BodyContext, salt: Uint8Array) {
    this.#key = keyOf(key, salt, purpose);
    this.#prefix = salt;
    this.#digest = sm3(salt);
  }

  /**
   * Next piece of the encoded body. @param isLast whether the body ends with it: one without an end counts as cut
   *
   * ```
   *  salt, once │ last? (1) │ number (4) │ length (4) │ SM4-CCM( text │ SM3 of the digest before, these fields and the text ) │ tag (16)
   * ```
   */
  seal(text: Uint8Array, isLast = false): Buffer {
    const pieces: Uint8Array[] = [this.#prefix];
    this.#prefix = Buffer.alloc(0);
    let offset = 0;
    do {
      const chunk = text.subarray(offset, offset + MAX_CHUNK_BYTES);
      offset += MAX_CHUNK_BYTES;
      if (chunk.length > 0 || isLast) pieces.push(...this.#chunk(chunk, isLast && offset >= text.length));
    } while (offset < text.length);
    return Buffer.concat(pieces);
  }

  #chunk(text: Uint8Array, isLast: boolean): Uint8Array[] {
    const head = Buffer.alloc(HEAD_BYTES);
    head[0] = isLast ? 1 : 0;
    head.writeUInt32BE(this.#number, 1);
    head.writeUInt32BE(text.length, 5);
    this.#digest = sm3(this.#digest, head, text);
    const sealed = sealCcm(this.#key, nonceOf(this.#number), Buffer.concat([text, this.#digest]), head);
    this.#number += 1;
    return [head, sealed];
  }
}

/** Decrypts a body piece by piece, however it is cut. */
export class BodyOpener {
  readonly #context: BodyContext;
  #key: Uint8Array | undefined;
  #digest: Buffer = Buffer.alloc(0);
  #pending: Buffer = Buffer.alloc(0);
  #number = 0;
  #isOver = false;

  constructor(context: BodyContext) {
    this.#context = context;
  }

  /** Texts of the chunks that a piece completes. @throws Error for a chunk that was changed, moved, repeated, left out or added */
  open(piece: Uint8Array): Buffer {
    this.#pending = Buffer.concat([this.#pending, piece]);
    const texts: Buffer[] = [];
    if (!this.#key && this.#pending.length >= SALT_BYTES) {
      const salt = this.#take(SALT_BYTES);
      this.#key = keyOf(this.#context.key, salt, this.#context.purpose);
      this.#digest = sm3(salt);
    }
    while (this.#key && this.#pending.length > 0) {
      if (this.#isOver) throw refused(this.#number, 'comes after the last one');
      if (this.#pending.length < HEAD_BYTES) break;
      const length = this.#pending.readUInt32BE(5);
      if (length > MAX_CHUNK_BYTES) throw refused(this.#number, `is longer than ${MAX_CHUNK_BYTES} bytes`);
      if (this.#pending.length < HEAD_BYTES + length + DIGEST_BYTES + TAG_BYTES) break;
      texts.push(this.#chunk(this.#key, length));
    }
    return Buffer.concat(texts);
  }

  /** @throws Error unless the body has ended as its sender ended it */
  end(): void {
    if (!this.#isOver) throw new Error('The encrypted body breaks off before its last chunk.');
  }

  #chunk(key: Uint8Array, length: number): Buffer {
    const head = this.#take(HEAD_BYTES);
    const sealed = this.#take(length + DIGEST_BYTES + TAG_BYTES);
    const number = this.#number;
    if (head.readUInt32BE(1) !== number) throw refused(number, `has the number ${head.readUInt32BE(1)}`);
    const opened = openCcm(key, nonceOf(number), sealed, head);
    if (!opened) throw refused(number, 'was changed');
    const text = opened.subarray(0, length);
    const digest = sm3(this.#digest, head, text);
    if (!digest.equals(opened.subarray(length))) throw refused(number, 'does not follow the one before');
    this.#digest = digest;
    this.#number += 1;
    this.#isOver = head[0] === 1;
    return text;
  }

  #take(bytes: number): Buffer {
    const taken = this.#pending.subarray(0, bytes);
    this.#pending = this.#pending.subarray(bytes);
    return taken;
  }
}

/** Key of one body (HKDF with SM3). */
function keyOf(key: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sm3', key, salt, purpose, KEY_BYTES));
}

/** The number of a chunk, since each body has a key of its own. */
function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(number, NONCE_BYTES - 4);
  return nonce;
}

function refused(number: number, reason: string): Error {
  return new Error(`Chunk ${number} of the encrypted body ${reason}.`);
}
