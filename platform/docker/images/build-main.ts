/**
 * `npm run images -- [--source registry|local] [--json]`: builds the container images that are not up to date. With `--json`, stdout is
 * a list of names, ids, sizes in bytes and hashes, and progress goes to stderr.
 * Exits 0, 3 for a wrong flag, 4 if images cannot be built, 130 on Ctrl-C.
 */
import { parseArgs } from 'node:util';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { buildImages } from './build.ts';
import type { ImageSource } from './image-source.ts';
import { buildFailure } from './work.ts';

function readFlags(args: readonly string[]): { readonly source?: ImageSource; readonly json: boolean } {
  const usage = (message: string) =>
    new SquallError('option', 'BAD_IMAGES_FLAG', message, {
      next: 'Use: npm run images -- [--source registry|local] [--json]',
    });
  try {
    const options = { source: { type: 'string' }, json: { type: 'boolean' } } as const;
    const { source, json = false } = parseArgs({ args: [...args], options }).values;
    if (source !== undefined && source !== 'registry' && source !== 'local')
      throw usage(`Expected --source to be registry or local, got ${source}.`);
    return source === undefined ? { json } : { source, json };
  } catch (error) {
    throw error instanceof SquallError ? error : usage(messageOf(error));
  }
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
try {
  const { json, ...options } = readFlags(process.argv.slice(2));
  const print = (line: string) => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  const images = await buildImages({ ...options, progress: print, signal: interrupted.signal });
  if (json) process.stdout.write(`${JSON.stringify(images, undefined, 2)}\n`);
  else if (!images.some(image => image.isNew))
    print(`up to date: ${images.map(({ name, hash }) => `${name}:${hash}`).join(' ')}`);
} catch (thrown) {
  const isFull = (thrown as NodeJS.ErrnoException).code === 'ENOSPC';
  const error = isFull ? buildFailure('Writing files', messageOf(thrown)) : thrown;
  if (interrupted.signal.aborted) process.exitCode = 130;
  else {
    const isExpected = error instanceof SquallError;
    const next = isExpected && error.next ? `\n  → ${error.next}` : '';
    process.stderr.write(`squall: ${isExpected ? error.message : ((error as Error).stack ?? error)}${next}\n`);
    process.exitCode = isExpected && error.kind === 'option' ? 3 : 4;
  }
}
