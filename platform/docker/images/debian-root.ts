import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $, which } from 'zx';
import { userCache } from '../../../harness/host/private-folder.ts';
import { freshPath, removeUnfinished } from '../../../harness/input/fresh-file.ts';
import { type Engine, findImage } from '../engine.ts';
import { SUITE } from './definitions.ts';
import { buildFailure, work } from './work.ts';

/** Cache shared by checkouts, never cleared. @throws SquallError as {@link userCache} */
export function imageCache(): string {
  return userCache('images');
}

const LIMIT_MS = 600_000;

/** Reason why Debian cannot be bootstrapped here; undefined if it can. */
export async function debootstrapProblem(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (existsSync(rootFile())) return undefined;
  if (!(await which('debootstrap', { nothrow: true }))) return 'there is no debootstrap';
  return process.getuid?.() === 0 ? undefined : 'debootstrap needs root';
}

/**
 * Image of a minimal Debian, made from packages by debootstrap, and cached as a file in {@link imageCache}.
 * @returns its tag
 * @throws SquallError `IMAGE_BUILD_FAILED` or `IMAGE_DISK_FULL`
 */
export async function debianRoot(
  engine: Engine,
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const tag = `squall/debian:${SUITE}`;
  if (await findImage(engine, tag)) return tag;
  if (!existsSync(rootFile())) await bootstrap(progress, signal);
  await work(
    'Importing Debian',
    engine,
    (api, abortSignal) => api.importImage(rootFile(), { repo: 'squall/debian', tag: SUITE, abortSignal }),
    signal,
  );
  return tag;
}

function rootFile(): string {
  return join(imageCache(), `debian-${SUITE}-${process.arch}.tar`);
}

async function bootstrap(progress: (line: string) => void, signal: AbortSignal | undefined): Promise<void> {
  progress(`debian: debootstrap ${SUITE} (about half a minute, once)`);
  const temporary = await mkdtemp(join(tmpdir(), 'squall-debian-'));
  // Image root: unlike the temporary folder around it, readable by every user.
  const folder = join(temporary, 'root');
  const part = freshPath(rootFile());
  const $$ = $({ quiet: true, nothrow: true, timeout: LIMIT_MS, ...(signal ? { signal } : {}) });
  const excluded = [
    './var/cache/apt/*',
    './var/lib/apt/lists/*',
    './var/log/*',
    './usr/share/doc/*',
    './usr/share/man/*',
  ];
  try {
    const made = await $$`debootstrap --variant=minbase ${SUITE} ${folder}`;
    if (made.exitCode !== 0) throw buildFailure('debootstrap', `${made.stdout}\n${made.stderr}`);
    const packed = await $$`tar -C ${folder} ${excluded.map(path => `--exclude=${path}`)} -cf ${part} .`;
    if (packed.exitCode !== 0) throw buildFailure('Packing Debian', packed.stderr);
    await rename(part, rootFile());
    progress(`debian: ${Math.round((await stat(rootFile())).size / 1e6)} MB, cached in ${imageCache()}`);
  } finally {
    await rm(part, { force: true });
    removeUnfinished(imageCache());
    // An interrupted debootstrap may leave these mounted.
    await $({ quiet: true, nothrow: true })`umount -q ${folder}/proc ${folder}/sys`;
    await rm(temporary, { recursive: true, force: true });
  }
}
