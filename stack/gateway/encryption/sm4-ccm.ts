import { createCipheriv, timingSafeEqual } from 'node:crypto';

/** Bytes of a key. */
export const KEY_BYTES = 16;
/** Bytes of a nonce. */
export const NONCE_BYTES = 12;
/** Bytes of a tag. */
export const TAG_BYTES = 16;
const BLOCK = 16;
/** With a nonce of 12 bytes, 3 are left for the length of the text. */
const MAX_TEXT_BYTES = 2 ** 24 - 1;
const ZERO = Buffer.alloc(BLOCK);

/**
 * SM4 (GB/T 32907) in CCM (NIST SP 800-38C), as of RFC 8998 with tags of 16 bytes. Node's OpenSSL has neither CCM nor GCM of it; CCM is CBC, of which the last block authenticates,
 * and CTR, which it has, so that no arithmetic of ciphers is done here.
 * @returns the encrypted text and its tag
 */
export function sealCcm(key: Uint8Array, nonce: Uint8Array, text: Uint8Array, associated: Uint8Array): Buffer {
  const { mask, counter } = stream(key, nonce);
  const sealed = counter.update(text);
  return Buffer.concat([sealed, masked(authenticate(key, nonce, text, associated), mask)]);
}

/** Opens what {@link sealCcm} returns; undefined if anything of it was changed. */
export function openCcm(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const { mask, counter } = stream(key, nonce);
  const text = counter.update(sealed.subarray(0, end));
  const expected = masked(authenticate(key, nonce, text, associated), mask);
  return timingSafeEqual(expected, sealed.subarray(end)) ? text : undefined;
}

/** CTR from block 0, which encrypts the tag, on. */
function stream(key: Uint8Array, nonce: Uint8Array) {
  const first = Buffer.concat([Uint8Array.of(2), nonce, Buffer.alloc(3)]);
  const counter = createCipheriv('sm4-ctr', key, first);
  return { mask: counter.update(ZERO), counter };
}

/** CBC-MAC over flags, nonce and length, the associated data, and the text. */
function authenticate(key: Uint8Array, nonce: Uint8Array, text: Uint8Array, associated: Uint8Array): Buffer {
  if (text.length > MAX_TEXT_BYTES)
    throw new RangeError(`Expected at most ${MAX_TEXT_BYTES} bytes, got ${text.length}`);
  const head = Buffer.alloc(BLOCK);
  // Adata, M = 16 and L = 3.
  head[0] = (associated.length > 0 ? 0x40 : 0) | (((TAG_BYTES - 2) / 2) << 3) | 2;
  head.set(nonce, 1);
  head.writeUIntBE(text.length, 13, 3);
  const length = Buffer.alloc(associated.length > 0 ? 2 : 0);
  if (associated.length > 0) length.writeUInt16BE(associated.length);
  const blocks = Buffer.concat([head, padded(Buffer.concat([length, associated])), padded(text)]);
  const chain = createCipheriv('sm4-cbc', key, ZERO).setAutoPadding(false);
  return chain.update(blocks).subarray(-BLOCK);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, ZERO.subarray(0, (BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

function masked(tag: Buffer, mask: Buffer): Buffer {
  return Buffer.from(tag.map((byte, index) => byte ^ mask[index]!));
}
