import type { Sealing } from '../cache/sealing.ts';

/** How contents of files and results of lines are written in the store. */
export interface Contents {
  /** @param name of what it is, under which alone it can be read */
  write(text: Buffer, name: string): string;
  /** Undefined for what was not written so, or under another name. */
  read(stored: Buffer, name: string): Buffer | undefined;
  /** Bytes that a text of so many bytes takes. */
  sizeOf(bytes: number): number;
}

/** As they are. */
export const PLAIN: Contents = {
  write: text => text.toString('utf8'),
  read: stored => stored,
  sizeOf: bytes => bytes,
};

/** Beside the text: a format, a nonce and a tag. */
const SEAL_BYTES = 29;

/** Encrypted, in base64. */
export function sealedContents(sealing: Sealing): Contents {
  return {
    write: (text, name) => sealing.seal(text, 'batch', name).toString('base64'),
    read: (stored, name) => sealing.open(Buffer.from(stored.toString('latin1'), 'base64'), 'batch', name),
    sizeOf: bytes => 4 * Math.ceil((bytes + SEAL_BYTES) / 3),
  };
}
