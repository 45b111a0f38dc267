import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, it } from 'vitest';
import { isNewEnough, ownNode } from '../../cli/start/node.js';
import { temporaryFolder } from '../e2e/squall.ts';

it.each([
  ['20.20.2', false, false],
  ['22.21.9', false, false],
  ['22.22.0', true, false],
  ['23.0.0', true, false],
  ['24.0.0', true, true],
  ['26.1.0', true, true],
])('Node.js %s runs the package: %s, the sources: %s', (version, runsPackage, runsSources) => {
  expect([isNewEnough(version, [22, 22]), isNewEnough(version)]).toEqual([runsPackage, runsSources]);
});

/** A registry in a folder: an `npm` that packs a tarball with a "Node.js", or fails with `failure`. */
function registry(folder: string, failure = '', script = 'echo v24') {
  const bin = join(folder, 'bin');
  mkdirSync(join(folder, 'package/bin'), { recursive: true });
  mkdirSync(bin);
  writeFileSync(join(folder, 'package/bin/node'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  execFileSync('tar', ['-czf', join(folder, 'own.tgz'), '-C', folder, 'package']);
  const npm = failure ? `echo "npm error ${failure}" >&2; exit 1` : `cp ${join(folder, 'own.tgz')} "$4"`;
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho called >>${join(folder, 'calls')}\n${npm}\n`);
  chmodSync(join(bin, 'npm'), 0o755);
  const integrity = `sha512-${createHash('sha512')
    .update(readFileSync(join(folder, 'own.tgz')))
    .digest('base64')}`;
  return { pin: { name: 'node-test', version: '24.0.0', integrity }, bin, cache: join(folder, 'cache') };
}

function fetched({ pin, bin, cache }: ReturnType<typeof registry>): string {
  const before = process.env.PATH;
  process.env.PATH = `${bin}${delimiter}${before}`;
  try {
    return ownNode(pin, cache);
  } finally {
    process.env.PATH = before;
  }
}

it('fetches a Node.js once, into a folder of this user alone', () => {
  using folder = temporaryFolder();
  const found = registry(folder.path);
  const node = fetched(found);
  expect(fetched(found)).toBe(node);
  expect(execFileSync(node, { encoding: 'utf8' })).toBe('v24\n');
  expect(readFileSync(join(folder.path, 'calls'), 'utf8')).toBe('called\n');
  expect(statSync(found.cache).mode & 0o777).toBe(0o700);
  expect(readdirSync(found.cache)).toEqual(['node-test-24.0.0']);
});

it.each([
  ['another digest', {}, 'its digest is sha512-'],
  ['no registry', { failure: 'code ECONNREFUSED' }, 'npm exited with 1: npm error code ECONNREFUSED'],
  ['one that does not run here', { script: 'exit 127' }, 'it does not run here'],
])(
  'with %s, keeps nothing and names a next step',
  (name, { failure, script }: { failure?: string; script?: string }, why) => {
    using folder = temporaryFolder();
    const found = registry(folder.path, failure, script);
    const pin = name === 'another digest' ? { ...found.pin, integrity: 'sha512-other' } : found.pin;
    expect(() => fetched({ ...found, pin })).toThrow(why);
    expect(() => fetched({ ...found, pin })).toThrow('install Node.js 24.0 or newer');
    expect(readdirSync(found.cache)).toEqual([]);
  },
);

it('has none of its own for other machines, and says what to do', () => {
  expect(() => ownNode(null as never)).toThrow(/Squall needs Node\.js 24\.0 or newer.*\n.*Install Node\.js/);
});
