#!/usr/bin/env node
// Starts the command line: the sources of a checkout, never a build of them, or what a package was compiled to. A Node.js that is too old
// starts Squall's own and waits for it.
import { spawn } from 'node:child_process';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { cacheFolder, isCheckout, isNewEnough, ownNode } from './start/node.js';

if (isNewEnough()) {
  // Node keeps what it has compiled, and finds it by content: a second start is faster, and never a stale one. Services and
  // generators learn of it from the environment.
  const folder = process.env.NODE_COMPILE_CACHE ?? cacheFolder('compiled');
  if (folder !== undefined) {
    process.env.NODE_COMPILE_CACHE = folder;
    module.enableCompileCache?.(folder);
  }
  await import(isCheckout ? './main.ts' : '../dist/cli/main.js');
} else {
  try {
    startOn(ownNode());
  } catch (error) {
    process.stderr.write(`squall: ${error.message}\n`);
    process.exitCode = 4;
  }
}

/** Passes signals on, but for those that a terminal sends to both processes. */
function startOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  const isOnTerminal = process.stdin.isTTY || process.stdout.isTTY;
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => void (isOnTerminal || child.kill(signal)));
  child.on('error', error => {
    process.stderr.write(`squall: ${node} does not start: ${error.message}\n`);
    process.exitCode = 4;
  });
  child.on('exit', (status, signal) => {
    process.exitCode = status ?? (signal ? 130 : 4);
  });
}
