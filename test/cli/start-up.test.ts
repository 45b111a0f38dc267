import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const PRELOAD = pathToFileURL(join(import.meta.dirname, 'fixtures/loaded-modules.ts')).href;

/** What a command loads from the checkout: its own files by path, packages by name, each once. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const command = ['--import', PRELOAD, join(ROOT, 'cli/bin.js'), ...args];
  const { stderr } = await promisify(execFile)(process.execPath, command, { cwd: ROOT });
  const paths = [...stderr.matchAll(/^loaded (file:.*)$/gm)].map(([, url]) => url!.split(`${ROOT}/`)[1]!);
  return [...new Set(paths.map(path => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path))].sort();
}

// What is loaded decides how long a start takes, on every machine alike; seconds depend on what else the machine does.
describe('the command line', () => {
  it.each(['--version', '--help'])(
    'answers %s with nothing loaded but commander and the table of commands',
    async option => {
      expect(await loadedBy(option)).toEqual([
        'cli/bin.js',
        'cli/exit.ts',
        'cli/main.ts',
        'cli/start/node.js',
        'commander',
        'harness/errors.ts',
        'harness/host/interrupts.ts',
        'harness/host/proxies.ts',
        'harness/input/visible.ts',
        'package.json',
      ]);
    },
  );

  it('loads the rest for a command that needs it, and large libraries only for a stack that needs them', async () => {
    const loaded = await loadedBy('run', 'node-loss', '--dry-run');
    expect(loaded).toEqual(expect.arrayContaining(['cli/run.ts', 'zod']));
    expect(loaded).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(undici|@peculiar\/x509)$/)]));
  });
});
