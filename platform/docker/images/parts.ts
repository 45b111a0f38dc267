import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { $ } from 'zx';
import { SquallError } from '../../../harness/errors.ts';
import { contentHash, ROOT } from './build-context.ts';
import { OFFICIAL, type Part } from './definitions.ts';
import { askDocker, workDocker } from './docker-cli.ts';
import type { Way } from './way.ts';

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
  const absent = Object.values(LOCAL).filter(({ file }) => !existsSync(join(ROOT, file)));
  return absent.length === 0 ? undefined : `${absent.map(({ file }) => file).join(' and ')} missing`;
}

/**
 * An image that holds `part`: the official one, or one made of this machine's binary, as Toxiproxy always is.
 * @returns its tag
 * @throws SquallError `BINARY_MISSING`
 */
export async function partImage(part: Part, way: Way, signal?: AbortSignal): Promise<string> {
  if (way === 'registry' && part === 'node') return OFFICIAL.node;
  const { file, target } = LOCAL[part];
  if (!existsSync(join(ROOT, file)))
    throw new SquallError('environment', 'BINARY_MISSING', `Expected ${file} to go into an image, found none`, {
      next: 'Run `npm install` and `npm run tools`.',
    });
  const source = realpathSync(join(ROOT, file));
  const tag = `squall/${part}-binary:${contentHash([part], [{ target, mode: 0o755, content: readFileSync(source) }])}`;
  if ((await askDocker(['image', 'inspect', '--format', '{{.Id}}', tag], signal)).ok) return tag;
  const folder = await mkdtemp(join(tmpdir(), 'squall-part-'));
  try {
    const path = join(folder, 'root', target);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(source, path);
    await $({ quiet: true })`chmod 755 ${path} && tar -C ${join(folder, 'root')} -cf ${join(folder, 'part.tar')} .`;
    await workDocker(`Importing ${part}`, ['import', join(folder, 'part.tar'), tag], signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return tag;
}
