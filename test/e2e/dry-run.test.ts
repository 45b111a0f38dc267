import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectRefusal, squall, temporaryFolder } from './squall.ts';

const STEADY = join(import.meta.dirname, 'fixtures/suite/steady.yaml');

/** A suite of one scenario, and of one that is wrong. @param more keys */
function suiteIn(folder: string, more = '', scenarios = [STEADY]): string {
  const file = join(folder, 'small.yaml');
  writeFileSync(file, `name: small\nwhy: For dry runs.\nscenarios: [${scenarios}]\n${more}`);
  return file;
}

it.concurrent.each<[string[], number, RegExp]>([
  [['suite', 'smoke', '--baseline', 'nosuch'], 3, /Expected --baseline to be .* suite smoke on virtual, got "nosuch"/],
  [['suite', 'smoke', '--fail-on-regression'], 3, /Expected --fail-on-regression with --baseline/],
  [['suite', 'smoke', '--webhook', 'ftp://x'], 3, /Expected --webhook to be a URL/],
  [['suite', '--resume', 'x', '--platform', 'virtual'], 3, /Expected --platform with a suite, got it with --resume/],
  [['suite', 'smoke', '--out', '/proc/x'], 4, /Expected --out to be a writable folder, got \/proc\/x/],
  [['run', 'node-loss', '--out', '/dev/null'], 4, /Expected --out to be a writable folder, got \/dev\/null: it is no/],
])('refuses %j as without --dry-run', async (args, code, message) => {
  await expectRefusal([...args, '--dry-run'], code, [message]);
});

it('shows the plan of a run that this machine cannot run, says why not, and exits as it would', async () => {
  using out = temporaryFolder();
  const bin = join(out.path, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const args = ['run', 'redis-loss', '--out', join(out.path, 'a/b'), '--dry-run'];
  const { stdout } = await expectRefusal(args, 4, [/Expected redis-server on PATH/], { PATH: bin });
  expect(stdout).toContain('fault outage: kill on redis');
  expect(readdirSync(out.path)).toEqual(['bin']);
});

it('exits as the suite would if all that can run passes', async () => {
  using out = temporaryFolder();
  writeFileSync(join(out.path, 'wrong.yaml'), 'name: wrong\n');
  const file = suiteIn(out.path, '', [STEADY, join(out.path, 'wrong.yaml')]);
  const { code, stdout } = await squall(['suite', file, '--out', join(out.path, 'runs'), '--dry-run']);
  expect(code).toBe(3);
  expect(stdout).toMatch(/steady on virtual, seed 42.*\n[\s\S]*wrong on virtual: refused[\s\S]*\n1 run and 0 proofs/);
  expect(existsSync(join(out.path, 'runs'))).toBe(false);
});

it('shows what is left of a suite that is resumed, and starts nothing', async () => {
  using out = temporaryFolder();
  const file = suiteIn(out.path, 'seeds: 2\nbudget: 0s\n');
  await squall(['suite', file, '--out', join(out.path, 'runs')]);
  const folder = join(out.path, 'runs', readdirSync(join(out.path, 'runs'))[0]!);
  const journal = join(folder, 'journal.ndjson');
  // As if the first seed had run.
  const run = { verdict: 'pass', exitCode: 0, reasons: [], durationMs: 1, wallMs: 1, slos: [], files: {} };
  const place = { type: 'run', scenario: 'steady', platform: 'virtual', seed: 42, repeat: 1, without: null };
  writeFileSync(
    journal,
    `${readFileSync(journal, 'utf8').replaceAll(/,"seal":"[^"]*"/g, '')}${JSON.stringify({ ...place, atMs: 1, run })}\n`,
  );
  const before = readFileSync(journal);
  const { code, stdout, stderr } = await squall(['suite', '--resume', folder, '--dry-run']);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('steady on virtual, seed 43: ');
  expect(stdout).not.toContain('seed 42');
  expect(stdout).toMatch(/\n1 run and 0 proofs in simulated time/);
  expect(readFileSync(journal)).toEqual(before);

  // As if its folder were gone, and as if it had failed.
  const lost = JSON.stringify({ ...run, directory: 'steady/virtual/lost', files: { 'run.json': 'x' } });
  writeFileSync(journal, before.toString().replace(JSON.stringify(run), lost));
  const damaged = await squall(['suite', '--resume', folder, '--dry-run']);
  expect(damaged.code, damaged.stderr).toBe(4);
  expect(damaged.stdout).toMatch(/Damaged since\nrun\.json of .*lost is gone since the run ended/);
  writeFileSync(journal, before.toString().replace('"exitCode":0', '"exitCode":1'));
  expect((await squall(['suite', '--resume', folder, '--dry-run'])).code).toBe(1);
});
