#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript as it is. The checkout brings one along as a dependency; npm and npx
// put it first on PATH, so the second branch is for those who call this file by an older Node of their own.
import { spawnSync } from 'node:child_process';
import module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  // Node keeps what it has compiled, and finds it by content: a second start is faster, and never a stale one. Services and
  // generators learn of it from the environment.
  process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
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
