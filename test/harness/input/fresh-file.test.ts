import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freshPath, removeUnfinished, replaceFile } from '../../../harness/input/fresh-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-fresh-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('replaces a file at once, for this user alone', () => {
  const path = join(folder, 'a.txt');
  writeFileSync(path, 'old', { mode: 0o644 });
  replaceFile(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['a.txt']);
});

it('removes what a process that was killed left, and nothing that may still be written or is anything else', async () => {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  const [dead, alive] = [child.pid!, process.ppid];
  const put = (name: string, minutesOld: number) => {
    const path = join(folder, name);
    writeFileSync(path, '');
    const at = statSync(path).mtimeMs / 1000 - 60 * minutesOld;
    utimesSync(path, at, at);
  };
  put(`index.html.${dead}.new`, 11);
  put(`junit.xml.${dead}.new`, 9);
  put(`suite.json.${alive}.new`, 11);
  put(`night.parquet.${dead}.part`, 11);
  for (const name of ['notes.new', 'v2.0.new', `${dead}.new.txt`]) put(name, 11);
  put(freshPath(join(folder, 'mine')).slice(folder.length + 1), 11);
  put('index.html', 0);
  removeUnfinished(folder);
  const left = [`junit.xml.${dead}.new`, `suite.json.${alive}.new`, `night.parquet.${dead}.part`];
  expect(readdirSync(folder).sort()).toEqual(
    [...left, 'index.html', 'notes.new', 'v2.0.new', `${dead}.new.txt`, `mine.${process.pid}.new`].sort(),
  );
});
