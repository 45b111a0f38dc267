/**
 * `npm run images -- [--way registry|local] [--json]`: builds the container images that are not up to date. With `--json` stdout
 * carries a list of names, ids, sizes in bytes and hashes alone; what is being done goes to stderr.
 * Exits 0, 3 for a wrong flag, 4 when they cannot be built, 130 on Ctrl-C.
 */
import { parseArgs } from 'node:util';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { buildImages } from './build.ts';
import type { Way } from './way.ts';
import { buildFailure } from './work.ts';

function readFlags(args: readonly string[]): { readonly way?: Way; readonly json: boolean } {
  const usage = (message: string) =>
    new SquallError('option', 'BAD_IMAGES_FLAG', message, {
      next: 'Use: npm run images -- [--way registry|local] [--json]',
    });
  try {
    const { values } = parseArgs({ args: [...args], options: { way: { type: 'string' }, json: { type: 'boolean' } } });
    const { way, json = false } = values;
    if (way !== undefined && way !== 'registry' && way !== 'local')
      throw usage(`Expected --way to be registry or local, got ${way}.`);
    return way === undefined ? { json } : { way, json };
  } catch (error) {
    throw error instanceof SquallError ? error : usage(messageOf(error));
  }
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
try {
  const { json, ...options } = readFlags(process.argv.slice(2));
  const say = (line: string) => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  const images = await buildImages({ ...options, progress: say, signal: interrupted.signal });
  if (json) process.stdout.write(`${JSON.stringify(images, undefined, 2)}\n`);
  else if (!images.some(image => image.isNew))
    say(`up to date: ${images.map(({ name, hash }) => `${name}:${hash}`).join(' ')}`);
} catch (thrown) {
  const isFull = (thrown as NodeJS.ErrnoException).code === 'ENOSPC';
  const error = isFull ? buildFailure('Writing files', messageOf(thrown)) : thrown;
  if (interrupted.signal.aborted) process.exitCode = 130;
  else {
    const ours = error instanceof SquallError;
    const next = ours && error.next ? `\n  → ${error.next}` : '';
    process.stderr.write(`squall: ${ours ? error.message : String((error as Error).stack ?? error)}${next}\n`);
    process.exitCode = ours && error.kind === 'option' ? 3 : 4;
  }
}
