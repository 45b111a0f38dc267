import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

/*
 * What CONTRIBUTING promises: a scenario, a fault and a kind of objective are one new file each. A copy of the checkout gets one of
 * each, made of those that CONTRIBUTING says to copy, and no other file of it changes.
 */
const ROOT = resolve(import.meta.dirname, '../..');
const ROOMS = ['harness', 'stack', 'platform', 'load', 'faults', 'reports', 'scenarios', 'cli', 'docs', 'package.json'];
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'squall-copy-'));
  const isSource = (path: string) => !/reports\/runs/.test(path);
  for (const room of ROOMS) cpSync(join(ROOT, room), join(copy, room), { recursive: true, filter: isSource });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** Makes a new file out of an old one. */
function add(path: string, from: string, ...changes: readonly (readonly [RegExp, string])[]): void {
  const text = readFileSync(join(copy, from), 'utf8');
  writeFileSync(
    join(copy, path),
    changes.reduce((changed, [old, now]) => changed.replaceAll(old, now), text),
  );
}

function squall(...args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(copy, 'cli/main.ts'), ...args], {
    encoding: 'utf8',
  });
  return { stdout, stderr, status };
}

it('a scenario, a fault and an objective are one new file each', () => {
  add(
    'reports/judge/checks/calm.ts',
    'reports/judge/checks/noop.ts',
    [/'noop'/g, "'calm'"],
    [/words: \[\]/g, "words: ['calm']"],
  );
  add('faults/node/hiccup.ts', 'faults/noop.ts', [/'noop'/g, "'hiccup'"], [/'\.\/fault\.ts'/g, "'../fault.ts'"]);
  add(
    'scenarios/catalog/failures/breath.ts',
    'scenarios/catalog/failures/node-loss.ts',
    [/name: 'node-loss'/g, "name: 'breath'"],
    [/kind: 'kill'/g, "kind: 'hiccup'"],
    [/objective: 'errors <= [\d.]+%'/g, "objective: 'calm <= 1'"],
  );
  const { stdout, stderr, status } = squall('run', 'breath', '--dry-run');
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/fault \S+: hiccup on inference-\d/);
  expect(stdout).toMatch(/calm <= 1/);
  const { scenarios, faults } = JSON.parse(squall('list', '--json').stdout);
  expect(faults).toContainEqual(expect.objectContaining({ kind: 'hiccup', on: 'replica' }));
  const breath = scenarios.find(({ name }: { name: string }) => name === 'breath');
  expect(breath.slos).toContainEqual(expect.objectContaining({ objective: 'calm <= 1' }));
  expect(squall('run', 'breath', '--dry-run', '--set', 'slos.0.objective=clam <= 1').stderr).toContain(
    'the nearest is calm',
  );
});
