import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { SquallError } from '../../../harness/errors.ts';
import { type Engine, findImage } from '../engine.ts';
import { HOME } from '../layout.ts';
import { contentHash, packContext } from './build-context.ts';
import { OFFICIAL, type Part } from './definitions.ts';
import type { ImageSource } from './image-source.ts';
import { work } from './work.ts';

/** Binaries of this machine, relative to the checkout, with their paths in the official images, from which Dockerfiles copy. */
const LOCAL: Readonly<Record<Part, { readonly file: string; readonly target: string }>> = {
  node: { file: 'node_modules/node/bin/node', target: 'usr/local/bin/node' },
  toxiproxy: { file: '.tools/bin/toxiproxy-server', target: 'toxiproxy' },
};

/** Binaries missing for a local build; undefined if none is. */
export function binaryProblem(): string | undefined {
  const missing = Object.values(LOCAL).filter(({ file }) => !existsSync(join(HOME, file)));
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
  if (!existsSync(join(HOME, file)))
    throw new SquallError('environment', 'BINARY_MISSING', `Expected ${file} for an image, but it is missing`, {
      next: 'Run `npm install` and `npm run tools`.',
    });
  const entries = [{ target, mode: 0o755, content: readFileSync(realpathSync(join(HOME, file))) }];
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
