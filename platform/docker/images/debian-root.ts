import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { $, which } from 'zx';
import { type Engine, findImage } from '../engine.ts';
import { SUITE } from './definitions.ts';
import { buildFailure, work } from './work.ts';

/** Where what is slow to make is kept between checkouts, for good: `$XDG_CACHE_HOME/squall/images`. */
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'squall/images');

const LIMIT_MS = 600_000;

/** What making Debian here lacks, or undefined when it lacks nothing. */
export async function debootstrapTrouble(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (existsSync(rootFile())) return undefined;
  if (!(await which('debootstrap', { nothrow: true }))) return 'there is no debootstrap';
  return process.getuid?.() === 0 ? undefined : 'debootstrap needs root';
}

/**
 * Debian's minimum as an image of the engine, made by debootstrap out of its packages alone. Kept as a file in
 * {@link CACHE}, so that the next engine gets it in two seconds.
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
  return join(CACHE, `debian-${SUITE}-${process.arch}.tar`);
}

async function bootstrap(progress: (line: string) => void, signal: AbortSignal | undefined): Promise<void> {
  progress(`debian: debootstrap ${SUITE} (about half a minute, once)`);
  const folder = join(tmpdir(), `squall-debian-${process.pid}`);
  const part = `${rootFile()}.${process.pid}`;
  const $$ = $({ quiet: true, nothrow: true, timeout: LIMIT_MS, ...(signal ? { signal } : {}) });
  const leftOut = [
    './var/cache/apt/*',
    './var/lib/apt/lists/*',
    './var/log/*',
    './usr/share/doc/*',
    './usr/share/man/*',
  ];
  try {
    await mkdir(CACHE, { recursive: true });
    const made = await $$`debootstrap --variant=minbase ${SUITE} ${folder}`;
    if (made.exitCode !== 0) throw buildFailure('debootstrap', `${made.stdout}\n${made.stderr}`);
    const packed = await $$`tar -C ${folder} ${leftOut.map(path => `--exclude=${path}`)} -cf ${part} .`;
    if (packed.exitCode !== 0) throw buildFailure('Packing Debian', packed.stderr);
    await rename(part, rootFile());
    progress(`debian: ${Math.round((await stat(rootFile())).size / 1e6)} MB, kept in ${CACHE}`);
  } finally {
    await rm(part, { force: true });
    // An interrupted debootstrap may leave these mounted.
    await $({ quiet: true, nothrow: true })`umount -q ${folder}/proc ${folder}/sys`;
    await rm(folder, { recursive: true, force: true });
  }
}
