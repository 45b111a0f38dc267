import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { SquallError } from '../../../harness/errors.ts';
import { type Engine, findImage } from '../engine.ts';
import { HOME } from '../layout.ts';
import { contentHash, packContext } from './build-context.ts';
import { OFFICIAL, type Part } from './definitions.ts';
import type { Way } from './way.ts';
import { work } from './work.ts';

interface LocalBinary {
  /** Relative to the checkout. */
  readonly file: string;
  /** Where the official image has it, so that Dockerfiles copy from one place. */
  readonly target: string;
}

const LOCAL: Readonly<Record<Part, LocalBinary>> = {
  node: { file: 'node_modules/node/bin/node', target: 'usr/local/bin/node' },
  toxiproxy: { file: '.tools/bin/toxiproxy-server', target: 'toxiproxy' },
};

/** What the local way lacks of its binaries, or undefined when it lacks nothing. */
export function binaryTrouble(): string | undefined {
  const absent = Object.values(LOCAL).filter(({ file }) => !existsSync(join(HOME, file)));
  return absent.length === 0 ? undefined : `${absent.map(({ file }) => file).join(' and ')} missing`;
}

/**
 * An image that holds `part`: the official one, or one made of this machine's binary, as Toxiproxy always is.
 * @returns its tag
 * @throws SquallError `BINARY_MISSING`
 */
export async function partImage(part: Part, way: Way, engine: Engine, signal?: AbortSignal): Promise<string> {
  if (way === 'registry' && part === 'node') return OFFICIAL.node;
  const { file, target } = LOCAL[part];
  if (!existsSync(join(HOME, file)))
    throw new SquallError('environment', 'BINARY_MISSING', `Expected ${file} to go into an image, found none`, {
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
