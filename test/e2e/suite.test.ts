import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SuiteCell, SuiteDocument } from '../../reports/store/suite-document.ts';
import { expectRefusal, squall, start, temporaryFolder } from './squall.ts';

const SUITE = join(import.meta.dirname, 'fixtures/suite/small.yaml');

function documentIn(out: string): { folder: string; document: SuiteDocument } {
  const folder = join(out, readdirSync(out).find(name => name.startsWith('small-suite-'))!);
  return { folder, document: JSON.parse(readFileSync(join(folder, 'suite.json'), 'utf8')) };
}

/** What two suites have in common, run as they may: folders have fresh names, and time on this machine differs. */
function substance({ cells, groups, exitCode }: SuiteDocument) {
  const anonymous = ({ run, proofs, ...cell }: SuiteCell) => ({
    ...cell,
    run: run && { ...run, directory: undefined, wallMs: undefined },
    proofs: proofs.map(({ directory: _, ...proof }) => proof),
  });
  return { exitCode, cells: cells.map(anonymous), groups: groups.map(group => ({ ...group, wallMs: undefined })) };
}

describe('a suite in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let folder: string;
  let document: SuiteDocument;
  beforeAll(async () => {
    const { code, stdout, stderr } = await squall(['suite', SUITE, '--out', out.path, '--json']);
    ({ folder, document } = documentIn(out.path));
    expect(JSON.parse(stdout)).toEqual(document);
    // A scenario is wrong, which is more severe than one that fails.
    expect(code, stderr).toBe(3);
    expect(stderr).toMatch(/8 of 8, \d+ s {2}/);
    expect(stderr).toMatch(/about \d+ s left/);
  }, 120_000);
  const cellsOf = (name: string) => document.cells.filter(({ scenario }) => scenario === name);

  it('goes on after failures, and lists what cannot run with the reason', () => {
    expect(document.groups.map(({ scenario, result }) => [scenario, result])).toEqual([
      ['steady', 'pass'],
      ['impossible', 'fail'],
      ['needs-nginx', 'skipped'],
      ['wrong', 'refused'],
    ]);
    expect(cellsOf('needs-nginx')).toMatchObject(
      [42, 43].map(seed => ({ seed, state: 'unsupported', sentence: expect.stringMatching(/`stack\.edge`.*nginx/) })),
    );
    expect(cellsOf('wrong')[0]!.sentence).toMatch(/`slos\[0\]\.objective`: expected/);
    for (const { sentence, run } of cellsOf('impossible')) {
      expect(sentence).toMatch(/TTFT: .* misses the limit of 1 ms/);
      expect(run!.exitCode).toBe(1);
    }
  });

  it('proves what passes, and names a proof that proves nothing', () => {
    for (const { proofs } of cellsOf('steady'))
      expect(proofs.map(({ without, outcome }) => [without, outcome])).toEqual([
        ['anything at all', 'proves-nothing'],
        ['retries and ejection', 'holds'],
      ]);
  });

  it('leaves a folder for each run, a page, a summary and one JUnit file', () => {
    for (const { run } of [...cellsOf('steady'), ...cellsOf('impossible')]) {
      expect(existsSync(join(folder, run!.directory!, 'report.html'))).toBe(true);
      expect(readFileSync(join(folder, 'index.html'), 'utf8')).toContain(`href="${run!.directory}/report.html"`);
    }
    const junit = readFileSync(join(folder, 'junit.xml'), 'utf8');
    expect(junit.match(/<testsuite /g)).toHaveLength(document.cells.length);
    expect(junit.match(/<failure /g)).toHaveLength(4);
    expect(junit.match(/<skipped /g)).toHaveLength(2);
    expect(junit.match(/<error /g)).toHaveLength(2);
    const summary = readFileSync(join(folder, 'summary.md'), 'utf8');
    expect(summary).toContain('| needs-nginx | not on this platform |');
    expect(summary).toContain('**1 of 3 pass, 1 fail, 1 refused; 2 proofs do not hold; 1 skipped.**');
  });

  it('ends the same when it was killed in the middle and resumed', async () => {
    using other = temporaryFolder();
    using scratch = temporaryFolder();
    const running = start(['suite', SUITE, '--out', other.path, '--jobs', '2'], { TMPDIR: scratch.path });
    await running.seen(/3 of 8/);
    running.child.kill('SIGKILL');
    await running.finished;
    // Its workers end by themselves, and take what they wrote with them.
    await expect.poll(() => readdirSync(scratch.path).filter(name => name.startsWith('squall-workers-'))).toEqual([]);
    const journal = join(documentIn(other.path).folder, 'journal.ndjson');
    const kept = readFileSync(journal, 'utf8').trim().split('\n').length - 1;
    expect(kept).toBeGreaterThanOrEqual(3);
    expect(kept).toBeLessThan(8);
    // As if it had died in the middle of a run that had written its first events, and of a line of the journal.
    const cut = join(documentIn(other.path).folder, 'impossible/virtual/impossible-cut-short');
    mkdirSync(cut, { recursive: true });
    writeFileSync(join(cut, 'events.ndjson'), '');
    appendFileSync(journal, '{"type":"run","scenario":"stea');
    const resumed = await squall(['suite', '--resume', documentIn(other.path).folder]);
    expect(resumed.code, resumed.stderr).toBe(3);
    expect(resumed.stdout).toContain('8 of 8');
    expect(resumed.stdout.match(/: (pass|fail|holds)/g)!.length).toBeLessThanOrEqual(8 - kept);
    expect(substance(documentIn(other.path).document)).toEqual(substance(document));
    expect(readdirSync(join(documentIn(other.path).folder, 'impossible/virtual'))).toHaveLength(2);
  }, 120_000);

  it('names a run whose files were changed, and never passes it', async () => {
    const { directory } = cellsOf('steady')[0]!.run!;
    const file = join(folder, directory!, 'run.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"verdict": "pass"', '"verdict": "fail"'));
    const { code, stdout } = await squall(['suite', '--resume', folder]);
    writeFileSync(file, text);
    expect(code).toBe(4);
    expect(stdout).toMatch(/steady on virtual, seed 42: run\.json of .* was changed since the run ended/);
    expect(documentIn(out.path).document.groups[0]!.result).toBe('invalid');
    expect((await squall(['suite', '--resume', folder])).code).toBe(3);
  });

  it('is resumed only as it was', async () => {
    const journal = join(folder, 'journal.ndjson');
    const text = readFileSync(journal, 'utf8');
    const older = text.replace(/"node":"[^"]*"/, '"node":"1.0.0"');
    writeFileSync(journal, older);
    await expectRefusal(['suite', '--resume', folder], 4, [/line 1 of .* was changed or removed since/]);
    writeFileSync(journal, older.replaceAll(/,"seal":"[^"]*"/g, ''));
    await expectRefusal(['suite', '--resume', folder], 3, [/the versions to be as when the suite began/]);
    writeFileSync(journal, text);
  });
});

it('keeps what has ended when it is interrupted', async () => {
  using out = temporaryFolder();
  const running = start(['suite', SUITE, '--out', out.path, '--jobs', '1']);
  await running.seen(/2 of 8/);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.finished;
  expect(code).toBe(130);
  const { document, folder } = documentIn(out.path);
  expect(document.interrupted).toBe(true);
  expect(document.cells.filter(({ state }) => state === 'ended').length).toBeGreaterThanOrEqual(1);
  expect(stdout).toContain(`npx squall suite --resume ${folder}`);
});

it('begins nothing after its time budget, which is not a pass', async () => {
  using out = temporaryFolder();
  const file = join(out.path, 'short.yaml');
  writeFileSync(file, 'name: small\nwhy: No time.\nscenarios: [burst-gamma]\nbudget: 0s\n');
  const { code, stdout } = await squall(['suite', file, '--out', join(out.path, 'runs')]);
  expect(code).toBe(2);
  expect(stdout).toContain('its time budget was spent');
  expect(documentIn(join(out.path, 'runs')).document.cells).toMatchObject([{ state: 'not-run' }]);
});

it('shows what would run, and names the field of a suite that is wrong', async () => {
  const plan = await squall(['suite', 'nightly', '--platform', 'virtual', '--dry-run']);
  expect(plan.code).toBe(0);
  expect(plan.stdout).toMatch(/node-loss on virtual, seed 42: 45 s, and without /);
  expect(plan.stdout).toMatch(/slow-read on virtual: not on this platform/);
  expect(plan.stdout).toMatch(/\n\d+ runs and \d+ proofs in simulated time, .*: about \d+ min\n$/);
  using out = temporaryFolder();
  const file = join(out.path, 'bad.yaml');
  writeFileSync(
    file,
    'name: bad\nwhy: It has a key.\nscenarios: [node-loss]\nset: { load.headers.authorization: "Bearer abc" }',
  );
  await expectRefusal(['suite', file], 3, [/`set`: .*credential/]);
  await expectRefusal(['suite', 'smoke', '--platform', 'docker'], 3, [/one of the suite's \(virtual\), got docker/]);
  await expectRefusal(['suite'], 3, [/either a suite or --resume, got neither/]);
});

// A gateway that takes 5 ms more for a request keeps all SLOs: only a comparison shows it.
it('finds what is worse than the last suite of a branch by name, and nothing where nothing is', {
  timeout: 180_000,
}, async () => {
  using out = temporaryFolder();
  const repository = (branch: string) => {
    const folder = join(out.path, branch);
    mkdirSync(folder);
    const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'pipe' });
    git('init', '--quiet', `--initial-branch=${branch}`);
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '--allow-empty', '--message=it');
    return join(folder, '.git');
  };
  const [main, change] = [repository('main'), repository('change')];
  const write = (name: string, more = '', scenarios = ['steady']) => {
    const paths = scenarios.map(one => join(import.meta.dirname, `fixtures/suite/${one}.yaml`));
    const text = `name: small\nwhy: For a baseline.\nscenarios: ${JSON.stringify(paths)}\n${more}`;
    writeFileSync(join(out.path, name), text);
    return join(out.path, name);
  };
  const on = (GIT_DIR: string, ...args: string[]) =>
    squall([...args, '--out', join(out.path, 'runs'), '--json'], { GIT_DIR });
  const base = write('base.yaml');
  const slower = write('slower.yaml', 'set: { stack.virtual.cpu: { gateway: { request: 5ms } } }');
  const against = ['--baseline', 'main', '--fail-on-regression'];

  await expectRefusal(['suite', base, '--baseline', 'main', '--out', join(out.path, 'runs')], 3, [
    /branch or commit of which .*runs has a suite small on virtual, got "main"/,
    /none of it there at all/,
  ]);
  const first = await on(main, 'suite', base);
  expect(first.code, first.stderr).toBe(0);
  const document: SuiteDocument = JSON.parse(first.stdout);
  expect(document.revision).toEqual({ commit: expect.stringMatching(/^[\da-f]{40}$/), branch: 'main' });

  const same = await on(change, 'suite', base, ...against);
  expect(same.code, same.stderr).toBe(0);
  const passed = { base: '1 of 1', candidate: '1 of 1' };
  expect(JSON.parse(same.stdout).baseline).toMatchObject({
    id: document.id,
    changes: [
      { scenario: 'steady', platform: 'virtual', change: expect.stringMatching(/^(equal|no-evidence)$/), passed },
    ],
  });

  const worse = await on(change, 'suite', slower, ...against);
  expect(worse.code, worse.stderr).toBe(1);
  const { baseline, id } = JSON.parse(worse.stdout) as SuiteDocument;
  const [found] = baseline!.changes;
  const sentence = expect.stringContaining('p50(ttft) in whole');
  expect(found).toMatchObject({ scenario: 'steady', change: 'regression', passed, sentence });
  const folder = join(out.path, 'runs', id);
  expect(existsSync(join(folder, found!.report!))).toBe(true);
  expect(readFileSync(join(folder, 'index.html'), 'utf8')).toContain(`href="${found!.report}"`);
  expect(readFileSync(join(folder, 'compare.md'), 'utf8')).toMatch(
    /^# 1 of 1 is worse than small-suite-\S* \(commit [\da-f]{10} on main\): steady on virtual\.\n.*<summary>steady on virtual<.*\| p50\(ttft\) \| whole \|[^\n]*✗ regression/s,
  );

  // The same afterwards, of suites and of the runs in them.
  const suites = await on(change, 'compare', id, ...against);
  expect(suites.code, suites.stderr).toBe(1);
  expect(JSON.parse(suites.stdout)).toMatchObject({ id: document.id, candidate: id, changes: baseline!.changes });
  const runs = await on(change, 'compare', join(folder, 'steady/virtual'), ...against);
  expect(runs.code, runs.stderr).toBe(1);
  expect(JSON.parse(runs.stdout)).toMatchObject({
    verdict: 'regression',
    changed: [{ path: 'stack.virtual.cpu', base: 1 }],
  });
  for (const same of [folder, join(folder, 'steady/virtual')])
    await expectRefusal(['compare', same, same], 3, [/Expected other runs on each side, got .* on both/]);
  await expectRefusal(['compare', folder, join(folder, 'steady/virtual')], 3, [
    /a suite on both sides or on none, got .* as the base\s+→ .*<scenario>\/<platform>/,
  ]);
  await expectRefusal(['recheck', folder], 3, [/Expected one run, .* several\s+→ Name one of them, such as .*steady-/]);
  await expectRefusal(
    ['compare', join(folder, 'steady/virtual'), '--baseline', 'mian', '--out', join(out.path, 'runs')],
    3,
    [/has runs of steady on virtual, got "mian"/, /Those there are of: change, main\./],
  );

  // What the earlier suite ran, and this one does not, is named.
  const wider = write('wider.yaml', '', ['steady', 'impossible']);
  const { id: before } = JSON.parse((await on(change, 'suite', wider)).stdout) as SuiteDocument;
  const narrower = await on(change, 'compare', before, id);
  expect(narrower.code, narrower.stderr).toBe(0);
  expect(JSON.parse(narrower.stdout).changes).toMatchObject([
    { scenario: 'steady', change: 'regression' },
    { scenario: 'impossible', change: 'gone', passed: { base: '0 of 1', candidate: '0 of 0' } },
  ]);

  // A run that was changed is compared with nothing.
  writeFileSync(join(out.path, 'runs', document.id, document.cells[0]!.run!.directory!, 'events.ndjson'), '');
  const changed = await on(change, 'suite', '--resume', folder, ...against);
  expect(changed.code, changed.stderr).toBe(2);
  expect(JSON.parse(changed.stdout).baseline.changes).toMatchObject([
    { change: 'unreadable', sentence: expect.stringMatching(/events\.ndjson of .* was changed/) },
  ]);
});
