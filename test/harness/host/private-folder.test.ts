import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { privateFolder, userCache } from '../../../harness/host/private-folder.ts';

const HOME = join(import.meta.dirname, '../../..');
const isRoot = process.getuid?.() === 0;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What another user made of `name` before: root, for a test that does not run as root. */
const FOREIGN = {
  'a link to their folder': (path: string) => {
    mkdirSync(join(folder, 'theirs'));
    if (isRoot) chownSync(join(folder, 'theirs'), 1234, 1234);
    symlinkSync(isRoot ? join(folder, 'theirs') : '/usr', path);
  },
  'a folder that everybody can write to': (path: string) => {
    mkdirSync(path);
    chmodSync(path, 0o777);
  },
  ...(isRoot
    ? {
        'a folder of theirs': (path: string) => {
          mkdirSync(path);
          chownSync(path, 1234, 1234);
        },
      }
    : {}),
};

test('a folder is created for this user alone, and an existing one of this user is closed to others', () => {
  const path = join(folder, 'a', 'b');
  expect(privateFolder(path)).toBe(path);
  chmodSync(path, 0o775);
  privateFolder(path);
  expect([path, join(folder, 'a')].map(one => statSync(one).mode & 0o777)).toEqual([0o700, 0o700]);
});

test('a link of this user to a folder of this user is followed', () => {
  mkdirSync(join(folder, 'disk'));
  symlinkSync(join(folder, 'disk'), join(folder, 'linked'));
  privateFolder(join(folder, 'linked'));
  expect(statSync(join(folder, 'disk')).mode & 0o777).toBe(0o700);
});

test.each(Object.entries(FOREIGN))('%s is refused, and so is a cache in it', (_, plant) => {
  plant(join(folder, 'squall'));
  expect(() => privateFolder(join(folder, 'squall'))).toThrow(/Expected .*squall to be this user's alone, but/);
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = folder;
  try {
    expect(() => userCache('compiled')).toThrow(/this user's alone/);
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  }
});

test('a regular file in its place is named', () => {
  expect(() => privateFolder('/dev/null')).toThrow(expect.objectContaining({ code: 'NO_FOLDER' }));
});

/** Runs the command line with a cache folder and an empty temporary folder of its own. */
function version(cache: string): readonly string[] {
  const [temporary, { NODE_COMPILE_CACHE: _, ...environment }] = [join(folder, 'tmp'), process.env];
  mkdirSync(temporary);
  const env = { ...environment, XDG_CACHE_HOME: cache, TMPDIR: temporary };
  const { status, stdout } = spawnSync(process.execPath, [join(HOME, 'cli/bin.js'), '--version'], {
    env,
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+/)]);
  return readdirSync(temporary);
}

test('compiled code is kept in a folder of this user, and nothing in the shared temporary folder', () => {
  expect(version(folder)).toEqual([]);
  expect(readdirSync(join(folder, 'squall'))).toEqual(['compiled']);
  expect(readdirSync(join(folder, 'squall/compiled'))).not.toEqual([]);
  expect(statSync(join(folder, 'squall/compiled')).mode & 0o777).toBe(0o700);
});

test('no compiled code is read from, or written into, a folder that another user planted', () => {
  FOREIGN['a folder that everybody can write to'](join(folder, 'squall'));
  expect(version(folder)).toEqual([]);
  expect(readdirSync(join(folder, 'squall'))).toEqual([]);
});

test('no file of ours has a predictable name in a shared temporary folder', () => {
  const rooms = ['.ci', 'cli', 'faults', 'harness', 'load', 'platform', 'reports', 'scenarios', 'stack'];
  const files = rooms.flatMap(room =>
    readdirSync(join(HOME, room), { recursive: true, withFileTypes: true })
      .filter(
        entry => entry.isFile() && entry.name !== 'Dockerfile' && ['.ts', '.js', ''].includes(extname(entry.name)),
      )
      .map(({ parentPath, name }) => join(parentPath, name)),
  );
  expect(files.length).toBeGreaterThan(300);
  const suspicious = [...files, join(HOME, 'vitest.config.ts'), join(HOME, 'package.json')].flatMap(file =>
    readFileSync(file, 'utf8')
      .split('\n')
      // In containers `/tmp` is one program's alone.
      .filter(line => /tmpdir\(\)|\/(var\/)?tmp\b|\$TMPDIR/.test(line) && !/mkdtemp|SCRATCH|^\s*\*/.test(line))
      .map(line => `${file.slice(HOME.length + 1)}: ${line.trim()}`),
  );
  expect(suspicious).toEqual([]);
});
