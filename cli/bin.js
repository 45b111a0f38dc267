#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript as it is. The checkout brings one along as a dependency; npm and npx
// put it first on PATH, so the second branch is for those who call this file by an older Node of their own.
import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  // Node keeps what it has compiled, and finds it by content: a second start is faster, and never a stale one. Services and
  // generators learn of it from the environment.
  const folder = process.env.NODE_COMPILE_CACHE ?? compileCache();
  if (folder !== undefined) {
    process.env.NODE_COMPILE_CACHE = folder;
    module.enableCompileCache?.(folder);
  }
  await import('./main.ts');
} else {
  const node = createRequire(import.meta.url).resolve('node/bin/node');
  // Ctrl-C reaches both processes; this one only waits for what the other makes of it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  const { status, signal } = spawnSync(
    node,
    [import.meta.filename ?? new URL(import.meta.url).pathname, ...process.argv.slice(2)],
    {
      stdio: 'inherit',
    },
  );
  process.exitCode = status ?? (signal ? 130 : 4);
}

/**
 * Folder for compiled code, as harness/host/private-folder.ts has it, which is not compiled yet: of one that others could have filled no code
 * is run, so that undefined means a slower start.
 */
function compileCache() {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'squall');
  const folders = [cache, join(cache, 'compiled')];
  const isPrivate = folder => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const [entry, { uid, mode }] = [lstatSync(folder), statSync(folder)];
    const user = process.getuid?.() ?? uid;
    if (entry.uid !== user || uid !== user || mode & 0o002) return false;
    chmodSync(folder, 0o700);
    return true;
  };
  try {
    return folders.every(isPrivate) ? folders[1] : undefined;
  } catch {
    return undefined;
  }
}
