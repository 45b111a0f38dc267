import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import { revisionOf } from '../../scenarios/session/revision.ts';
import { openRunDirectory, requireWritable } from '../../scenarios/session/run-directory.ts';

const folder = mkdtempSync(join(tmpdir(), 'squall out ü '));
afterAll(() => rmSync(folder, { recursive: true }));

it('is absolute, wherever its services run, and for its user alone', () => {
  const written = join(relative(process.cwd(), folder), 'new/runs');
  const { directory, environment } = openRunDirectory('x', written, systemClock);
  expect(directory).toBe(join(folder, 'new/runs', environment.id));
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('has no path that ends a line of configuration', () => {
  expect(() => openRunDirectory('x', join(folder, 'a\nb'), systemClock)).toThrow(
    expect.objectContaining({ code: 'OUTPUT_NOT_WRITABLE', message: expect.stringContaining('control character') }),
  );
});

it('is not there for a run that is known to be larger than its disk', () => {
  const out = join(folder, 'full');
  const refused = expect.objectContaining({
    code: 'DISK_FULL',
    message: expect.stringMatching(/below .*full: this run takes some 2000000 GB, and [\d.]+ [MG]B are free$/),
  });
  expect(() => openRunDirectory('x', out, systemClock, 2e15)).toThrow(refused);
  expect(readdirSync(out)).toEqual([]);
  expect(() => requireWritable('--out', join(folder, 'none'), 2e15)).toThrow(
    expect.objectContaining({ code: 'DISK_FULL' }),
  );
  expect(existsSync(join(folder, 'none'))).toBe(false);
});

it('is tried by several commands at once, which remove what others are about to use', async () => {
  const module = join(import.meta.dirname, '../../scenarios/session/run-directory.ts');
  const program = `import { requireWritable } from ${JSON.stringify(module)};
    for (let i = 0; i < 1500; i += 1) requireWritable('--out', ${JSON.stringify(folder)} + '/tried/' + i);`;
  const all = Array.from({ length: 3 }, () =>
    promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]),
  );
  // None fails.
  expect(await Promise.all(all)).toHaveLength(3);
});

it('tells what is checked out, in CI on no branch too, where a pull request is no branch', () => {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' }).trim();
  const ci = { GITHUB_SHA: 'f00', GITHUB_REF_NAME: '7/merge', GITHUB_HEAD_REF: 'main' };
  expect(revisionOf(folder, {})).toBeUndefined();
  expect(revisionOf(folder, ci)).toEqual({ commit: 'f00', branch: '7/merge' });
  git('init', '--quiet', '--initial-branch=trunk');
  expect(revisionOf(folder, {})).toBeUndefined();
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
  git(...identity, 'commit', '--quiet', '--allow-empty', '--message=first');
  const commit = git('rev-parse', 'HEAD');
  expect(revisionOf(folder, ci)).toEqual({ commit, branch: 'trunk' });
  git('checkout', '--quiet', '--detach');
  expect(revisionOf(folder, {})).toEqual({ commit });
  expect(revisionOf(folder, { CI_COMMIT_BRANCH: 'trunk' })).toEqual({ commit, branch: 'trunk' });
});
