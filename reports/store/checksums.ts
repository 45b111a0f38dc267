import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { blocksOf, readText } from '../../harness/input/files.ts';

/** Digests of the files that a verdict rests on, beside them, in the format of `sha256sum`, whose option `-c` checks them too. */
export const CHECKSUMS_FILE = 'SHA256SUMS';

const LINE = /^([0-9a-f]{64}) [ *](.+)$/;
const MAX_BYTES = 2 ** 16;

/** SHA-256 of a regular file of any size, in hexadecimal digits. @throws Error as `openRegular` */
export function fileDigest(path: string): string {
  const hash = createHash('sha256');
  for (const block of blocksOf(path, Number.POSITIVE_INFINITY)) hash.update(block);
  return hash.digest('hex');
}

/** Writes the digests of those files that are there. @param names of files in the directory */
export function writeChecksums(directory: string, names: readonly string[]): void {
  const lines = names
    .filter(name => existsSync(join(directory, name)))
    .map(name => `${fileDigest(join(directory, name))}  ${name}\n`);
  writeFileSync(join(directory, CHECKSUMS_FILE), lines.join(''), { mode: 0o600 });
}

/**
 * Requires files to be as they were when their digests were written. A run that was killed before that has none, and nothing is required of it.
 * @param names of files in the directory; one that is gone is left to its reader
 * @throws SquallError `CHANGED_RUN`
 */
export function requireUnchanged(directory: string, names: readonly string[]): void {
  const path = join(directory, CHECKSUMS_FILE);
  if (!existsSync(path)) return;
  const next = `Restore the file, or remove ${path} to judge what is there now.`;
  const digests = digestsIn(path, next);
  for (const name of names) {
    const file = join(directory, name);
    if (!existsSync(file)) continue;
    const expected = digests.get(name);
    const found = digestOf(file);
    // Whatever is no regular file is refused by its reader.
    if (found === undefined || found === expected) continue;
    const message =
      expected === undefined
        ? `Expected ${path} to have the SHA-256 of ${name}, found none`
        : `Expected ${file} to be as it was when the run ended, but it was changed since, or is that of another run: its SHA-256 is not the one in ${CHECKSUMS_FILE}`;
    throw new SquallError('environment', 'CHANGED_RUN', message, { next });
  }
}

function digestOf(file: string): string | undefined {
  try {
    return fileDigest(file);
  } catch {
    return undefined;
  }
}

function digestsIn(path: string, next: string): ReadonlyMap<string, string> {
  try {
    const lines = readText(path, MAX_BYTES).split('\n').filter(Boolean);
    return new Map(
      lines.map((line, at) => {
        const [, digest, name] = LINE.exec(line) ?? [];
        if (digest === undefined) throw new Error(`line ${at + 1} is no SHA-256 and a name`);
        return [name!, digest];
      }),
    );
  } catch (cause) {
    const message = `Expected ${path} to have the SHA-256 of the files of a run, but: ${messageOf(cause)}`;
    throw new SquallError('environment', 'CHANGED_RUN', message, { cause, next });
  }
}
