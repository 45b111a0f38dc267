import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { SquallError } from '../../../harness/errors.ts';
import { type Engine, findImage } from '../engine.ts';
import { HOME } from '../layout.ts';
import { contentHash, packContext } from './build-context.ts';
import { OFFICIAL, type Part } from './definitions.ts';
import type { ImageSource } from './image-source.ts';
import { work } from './work.ts';

/** Binaries of this machine, relative to the checkout or absolute, with their paths in the official images, from which Dockerfiles copy. */
const LOCAL: Readonly<Record<Part, { readonly file: string; readonly target: string }>> = {
  node: { file: process.execPath, target: 'usr/local/bin/node' },
  toxiproxy: { file: '.tools/bin/toxiproxy-server', target: 'toxiproxy' },
};

/** Binaries missing for a local build; undefined if none is. */
export function binaryProblem(): string | undefined {
  const missing = Object.values(LOCAL).filter(({ file }) => !existsSync(resolve(HOME, file)));
  return missing.length === 0 ? undefined : `${missing.map(({ file }) => file).join(' and ')} missing`;
}

/**
 * Image that contains `part`: the official one, or one made from this machine's binary, as is always the case for Toxiproxy.
 * @returns its tag
 * @throws SquallError `BINARY_MISSING`
 */
export async function partImage(
  part: Part,
  source: ImageSource,
  engine: Engine,
  signal?: AbortSignal,
): Promise<string> {
  if (source === 'registry' && part === 'node') return OFFICIAL.node;
  const { file, target } = LOCAL[part];
  if (!existsSync(resolve(HOME, file)))
    throw new SquallError('environment', 'BINARY_MISSING', `Expected ${file} for an image, but it is missing`, {
      next: 'Run `npm install` and `npm run tools`.',
    });
  const entries = [{ target, mode: 0o755, content: readFileSync(realpathSync(resolve(HOME, file))) }];
  const [repo, tag] = [`squall/${part}-binary`, contentHash([part], entries)];
  if (!(await findImage(engine, `${repo}:${tag}`)))
    await work(
      `Importing ${part}`,
      engine,
      (api, abortSignal) => api.importImage(packContext(entries), { repo, tag, abortSignal }),
      signal,
    );
  return `${repo}:${tag}`;
}
