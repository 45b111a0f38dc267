import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunDocument } from '../../reports/store/run-document.ts';
import type { TrendDocument } from '../../reports/store/trend-document.ts';
import { expectRefusal, squall, start, temporaryFolder } from './squall.ts';

const STEADY = join(import.meta.dirname, 'fixtures/suite/steady.yaml');
const COMMITS = ['a', 'b', 'c'].map(digit => digit.repeat(40));
/** A gateway that takes 3 ms more for each request keeps every SLO, which are far above. */
const SLOWER = 'set: { stack.virtual.cpu: { gateway: { request: 5ms } } }';

const out = temporaryFolder();
const history = join(out.path, 'history');
const runs = join(out.path, 'runs');
const trend = (...args: readonly string[]) => squall(['trend', history, ...args, '--out', runs]);
/** One that the suites append themselves to. */
const own = join(out.path, 'own');
let ids: string[];
let told: string[];

afterAll(() => out[Symbol.dispose]());
beforeAll(async () => {
  const file = join(out.path, 'small.yaml');
  told = [];
  for (const more of ['', '', SLOWER]) {
    writeFileSync(file, `name: small\nwhy: Three nights.\nscenarios: [${STEADY}]\n${more}\n`);
    const { code, stdout, stderr } = await squall(['suite', file, '--out', runs, '--quiet', '--history', own]);
    expect(code, stderr).toBe(0);
    told.push(stdout);
  }
  ids = readdirSync(runs).sort();
}, 120_000);

it('finds a slower gateway on the third of three nights, by its commit, and never writes a night again', async () => {
  await trend(ids[0]!, '--commit', COMMITS[0]!);
  const two = await trend(ids[1]!, '--commit', COMMITS[1]!);
  expect(two.code, two.stderr).toBe(0);
  expect(two.stdout).toContain('2 nights. On the newest 0 got worse, 0 better; 0 of 1 flaky.');

  const three = await trend(ids[2]!, '--commit', COMMITS[2]!);
  expect(three.code, three.stderr).toBe(0);
  expect(three.stdout).toMatch(
    /✗ worse {2}steady on virtual: p50\(ttft\) <= 500 ms in whole: .* since .*, commit c{10} after b{10}\n/,
  );
  const document = JSON.parse(readFileSync(join(history, 'trend.json'), 'utf8')) as TrendDocument;
  expect(document.nights.map(({ id, commit }) => [id, commit])).toEqual(ids.map((id, night) => [id, COMMITS[night]]));
  const changes = document.series.flatMap(({ objective, changes }) => changes.map(change => ({ objective, change })));
  expect(changes).toMatchObject([{ objective: 'p50(ttft) <= 500 ms', change: { night: 2, after: 1, kind: 'worse' } }]);

  // Each page is where its links say, also where the folders of a site are moved below others.
  const page = readFileSync(join(history, 'pages/small/steady.html'), 'utf8');
  for (const id of ids) expect(page).toContain(`href="../../../runs/${id}/index.html"`);
  expect(existsSync(join(history, 'pages/small/../../../runs', ids[0]!, 'index.html'))).toBe(true);
  const file = join(history, `${ids[0]}.parquet`);
  const before = readFileSync(file);
  const night = join(runs, '2030-01-01/virtual');
  mkdirSync(night, { recursive: true });
  renameSync(join(runs, ids[0]!), join(night, ids[0]!));
  const again = await trend(join(night, ids[0]!), '--commit', 'f'.repeat(40));
  renameSync(join(night, ids[0]!), join(runs, ids[0]!));
  // And never writes a night again.
  expect(again.stdout).toContain(`${ids[0]} is there already, and stays as it is`);
  expect(readFileSync(file)).toEqual(before);
  const index = readFileSync(join(history, 'index.html'), 'utf8');
  expect(index).toContain(`href="../runs/2030-01-01/virtual/${ids[0]}/index.html"`);
});

it('is kept by the suites themselves', () => {
  expect(told[0]).toMatch(new RegExp(`^${ids[0]} appended, with \\d+ results$`, 'm'));
  expect(told[2]).toMatch(/✗ worse {2}steady on virtual: p50\(ttft\)/);
  expect(told[2]).toContain(`history  ${join(own, 'index.html')}`);
  const document = JSON.parse(readFileSync(join(own, 'trend.json'), 'utf8')) as TrendDocument;
  expect(document.nights.map(({ id, page }) => [id, page])).toEqual(ids.map(id => [id, `../runs/${id}/index.html`]));
});

it('does not get a suite that was interrupted before it was resumed', async () => {
  using other = temporaryFolder();
  const [file, where] = [join(other.path, 'small.yaml'), join(other.path, 'history')];
  writeFileSync(file, `name: small\nwhy: To be interrupted.\nscenarios: [${STEADY}]\nseeds: 3\n`);
  const running = start(['suite', file, '--out', join(other.path, 'runs'), '--jobs', '1', '--history', where]);
  await running.seen(/1 of 3/);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.finished;
  expect(code).toBe(130);
  expect(stdout).toContain('Interrupted, and therefore not appended to the history.');
  expect(existsSync(where)).toBe(false);
  const [, words] = /npx squall (suite --resume .*)/.exec(stdout)!;
  const resumed = await squall(words!.split(' '));
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(resumed.stdout).toContain('1 night.');
});

it('takes a single run, and leaves out one that was changed since', async () => {
  using other = temporaryFolder();
  const directory = join(runs, ids[0]!, 'steady/virtual');
  const run = join(directory, readdirSync(directory)[0]!);
  const single = await squall(['trend', other.path, run, '--json']);
  expect(single.code, single.stderr).toBe(0);
  const text = readFileSync(join(run, 'run.json'), 'utf8');
  expect(JSON.parse(single.stdout)).toMatchObject({
    nights: [{ suite: 'runs', commit: (JSON.parse(text) as RunDocument).revision?.commit ?? null }],
    series: [{ scenario: 'steady' }, { scenario: 'steady' }],
  });
  // In virtual time files of the same run are the same on every night.
  const [later, renamed] = ['steady-20300102-030405-abcd', 'renamed'].map(name => join(other.path, name));
  for (const copy of [later!, renamed!]) cpSync(run, copy, { recursive: true });
  const next = await squall(['trend', other.path, later!, '--json']);
  expect(JSON.parse(next.stdout)).toMatchObject({
    nights: [{ id: basename(run) }, { id: basename(later!), startedAt: '2030-01-02T03:04:05.000Z' }],
  });
  await expectRefusal(['trend', other.path, renamed!], 4, [
    /renamed is left out: .* named by when it ran.* got renamed/,
  ]);
  writeFileSync(join(run, 'run.json'), text.replace('"verdict": "pass"', '"verdict": "fail"'));
  const journal = join(runs, ids[1]!, 'journal.ndjson');
  const lines = readFileSync(journal, 'utf8');
  writeFileSync(journal, lines.replace('"schema":1', '"schema":9'));
  await expectRefusal(['trend', join(other.path, 'new'), ...ids.slice(0, 2), '--out', runs], 4, [
    /run\.json of .* was changed since the run ended/,
    /No run of .* can be appended/,
    /line 1 of .* its `schema` is 9/,
  ]);
  writeFileSync(journal, lines);
  writeFileSync(join(run, 'run.json'), text);
});

it('goes on without a file that is damaged, says so, and keeps no more than it may', async () => {
  const cut = join(history, `${ids[1]}.parquet`);
  const bytes = readFileSync(cut);
  writeFileSync(cut, bytes.subarray(0, 1000));
  const { stdout } = await expectRefusal(['trend', history, '--out', runs], 4, [/is left out: it .* was cut short\./]);
  expect(stdout).toContain('2 nights.');
  expect(stdout).toContain('1 file is unreadable.');
  expect(readFileSync(join(history, 'index.html'), 'utf8')).toContain(`${ids[1]}.parquet`);
  writeFileSync(cut, bytes);

  const small = await trend('--keep-size', `${bytes.length + 100}B`);
  expect(small.stdout).toMatch(new RegExp(`${ids[0]} removed: all are larger.*\\n${ids[1]} removed`));
  expect(readdirSync(history).filter(name => name.endsWith('.parquet'))).toEqual([`${ids[2]}.parquet`]);
});

it('says what is missing, or in the way', async () => {
  const [file, taken] = [join(out.path, 'a-file'), join(out.path, 'taken')];
  writeFileSync(file, '');
  mkdirSync(join(taken, 'index.html'), { recursive: true });
  await Promise.all([
    expectRefusal(['trend', file, ids[2]!, '--out', runs], 4, [
      /<history> to be a writable folder, got .*: it is no folder/,
    ]),
    expectRefusal(['suite', 'smoke', '--history', file], 4, [
      /--history to be a writable folder, got .*: it is no folder/,
    ]),
    expectRefusal(['suite', 'smoke', '--keep-days', '3'], 3, [/--keep-days and --keep-size with --history, got none/]),
    expectRefusal(['trend', taken, ids[2]!, '--out', runs], 4, [/<history> to be a writable folder, got .*taken: E/]),
    expectRefusal(['trend', join(out.path, 'none')], 3, [/to be a history with nights, found none/]),
    expectRefusal(['trend', history, 'nowhere'], 3, [/nowhere to be the folder of a suite/]),
    expectRefusal(['trend', history, '--keep-size', '5x'], 3, [/Expected a size such as/]),
  ]);
});
