import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of a sealed entry. */
const FORMAT = 1;

/**
 * Names and encrypts entries with keys that are derived from one (HKDF, RFC 5869). A name is an HMAC, so that whoever reads the store cannot try out prompts.
 * An entry is encrypted with AES-256-GCM (NIST SP 800-38D) under a new random nonce, and bound to its tenant and request, so that it opens under no other name:
 *
 * ```
 * 01 │ nonce, 12 bytes │ ciphertext │ tag, 16 bytes
 * ```
 */
export class Sealing {
  readonly #entryKey: KeyObject;
  readonly #nameKey: KeyObject;
  readonly #newId: () => string;

  /** @param key 32 bytes @param newId a unique, unguessable text */
  constructor(key: Buffer, newId: () => string) {
    this.#entryKey = derived(key, 'entries');
    this.#nameKey = derived(key, 'names');
    this.#newId = newId;
  }

  /** Name of the entry of a tenant's request. */
  nameOf(tenant: string, identity: string): string {
    return createHmac('sha256', this.#nameKey).update(boundTo(tenant, identity)).digest('base64url');
  }

  seal(plain: Buffer, tenant: string, identity: string): Buffer {
    const nonce = hash('sha256', this.#newId(), 'buffer').subarray(0, NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#entryKey, nonce).setAAD(boundTo(tenant, identity));
    return Buffer.concat([Buffer.of(FORMAT), nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined unless it was sealed with the same key for the same tenant and request, and has not been changed. */
  open(sealed: Buffer, tenant: string, identity: string): Buffer | undefined {
    const bodyEnd = sealed.length - TAG_BYTES;
    if (sealed[0] !== FORMAT || bodyEnd < 1 + NONCE_BYTES) return undefined;
    const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#entryKey, nonce, { authTagLength: TAG_BYTES })
      .setAAD(boundTo(tenant, identity))
      .setAuthTag(sealed.subarray(bodyEnd));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE_BYTES, bodyEnd)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}

/** A key object, which Node.js prepares once, where it would prepare a buffer for each use: a third of the time of an entry. */
function derived(key: Buffer, purpose: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `squall gateway cache: ${purpose}`, 32)));
}

function boundTo(tenant: string, identity: string): Buffer {
  return Buffer.from(JSON.stringify([FORMAT, tenant, identity]));
}
