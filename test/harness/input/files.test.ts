import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { pathFrom, readText } from '../../../harness/input/files.ts';

const folder = mkdtempSync(join(tmpdir(), 'squall-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['~/runs', join(homedir(), 'runs')],
  ['~', homedir()],
  ['~user/runs', '/base/~user/runs'],
  ['a b/ü/../→', '/base/a b/→'],
  ['/abs', '/abs'],
])('resolves %s as its user means it', (written, path) => {
  expect(pathFrom(written, '/base')).toBe(path);
});

it('reads text, without its byte order mark, through a symbolic link', () => {
  writeFileSync(join(folder, 'text'), '\uFEFFa: ü\n');
  symlinkSync(join(folder, 'text'), join(folder, 'link'));
  expect(readText(join(folder, 'link'), 100)).toBe('a: ü\n');
});

it('refuses whatever may not end, or never begin, without opening it', () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  mkdirSync(join(folder, 'sub'));
  symlinkSync('/dev/zero', join(folder, 'zero'));
  expect(() => readText(join(folder, 'pipe'), 100)).toThrow('it is a named pipe, not a regular file');
  expect(() => readText(join(folder, 'sub'), 100)).toThrow('it is a folder, not a regular file');
  for (const path of ['/dev/zero', '/dev/stdin', join(folder, 'zero')])
    expect(() => readText(path, 100)).toThrow(/it is (a device or a socket|a named pipe), not a regular file/);
});

it('refuses more bytes than the limit, whatever size the system reports', () => {
  writeFileSync(join(folder, 'full'), 'x'.repeat(2048));
  expect(readText(join(folder, 'full'), 2048)).toHaveLength(2048);
  expect(() => readText(join(folder, 'full'), 2047)).toThrow(/it is larger than/);
  // Files in /proc have a size of 0.
  expect(() => readText('/proc/self/status', 10)).toThrow(/it is larger than/);
});

it('refuses other encodings', () => {
  writeFileSync(join(folder, 'utf-16'), Buffer.from('\uFEFFname: x\n', 'utf16le'));
  writeFileSync(join(folder, 'latin1'), Buffer.from('name: ü\n', 'latin1'));
  expect(() => readText(join(folder, 'utf-16'), 100)).toThrow(/bytes of 0, as UTF-16/);
  expect(() => readText(join(folder, 'latin1'), 100)).toThrow('it is not UTF-8 text');
});
