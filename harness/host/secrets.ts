import { randomBytes } from 'node:crypto';
import type { Random } from '../random.ts';

/** `count` bytes for a token, a password, a salt or an id. Whoever needs one is passed such a function, so that runs in virtual time repeat. */
export type SecretBytes = (count: number) => Buffer;

/** Unguessable ones, of this machine. */
export const systemSecrets: SecretBytes = randomBytes;

/** Those that follow from a seed, for virtual time, which nobody outside can reach. */
export function seededSecrets(random: Random): SecretBytes {
  return count => Buffer.from(Array.from({ length: count }, () => random.integer(0, 255)));
}

/** A random UUID (RFC 9562, version 4). */
export function newUuid(secret: SecretBytes): string {
  const bytes = secret(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
