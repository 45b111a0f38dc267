import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { sm3 } from './sm2.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Of the agreed key of a session. */
export const SESSION_KEY_BYTES = 32;
const CONTENT_BYTES = SESSION_KEY_BYTES + 8;

/**
 * Sessions that no gateway has to remember: the agreed key and its end, encrypted (AES-256-GCM) with a key of the gateways', are the session's name, which the client sends with each
 * request. It is bound to the caller.
 */
export class Sessions {
  readonly #key: Uint8Array;

  /** @param secret private key of the gateways */
  constructor(secret: Uint8Array) {
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', 'names of sessions', 32));
  }

  /** Name of a session. @param entropy random, at least 96 bits, @param untilMs wall clock, in ms since 1970 */
  name(key: Uint8Array, untilMs: number, caller: string, entropy: Uint8Array): string {
    const nonce = sm3(entropy).subarray(0, NONCE_BYTES);
    const end = Buffer.alloc(8);
    end.writeDoubleBE(untilMs);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(caller));
    const sealed = Buffer.concat([cipher.update(key), cipher.update(end), cipher.final()]);
    return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /** Key of a session; undefined if it has ended, is that of another caller, or is none. */
  keyOf(name: string, caller: string, nowMs: number): Buffer | undefined {
    const bytes = Buffer.from(name, 'base64url');
    if (bytes.length !== NONCE_BYTES + CONTENT_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(caller)).setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const content = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      return content.readDoubleBE(SESSION_KEY_BYTES) > nowMs ? content.subarray(0, SESSION_KEY_BYTES) : undefined;
    } catch {
      return undefined;
    }
  }
}
