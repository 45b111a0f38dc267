import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runsBelow } from '../../cli/stored/kept.ts';
import { judgeStored, requireMeasured, requireRun } from '../../cli/stored/report.ts';
import { SquallError } from '../../harness/errors.ts';
import { historyOf, planOf } from '../reports/runs.ts';

const RUNS = ['b-20260102-030405-aaaa', 'a-20260102-030406-bbbb'];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-stored-'));
  for (const id of RUNS) {
    mkdirSync(join(folder, id));
    writeFileSync(join(folder, id, 'events.ndjson'), '');
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each<[string, string, string]>([
  ['an id', RUNS[0]!, RUNS[0]!],
  ['the last, whatever its scenario', 'last', RUNS[1]!],
])('finds %s in the folder that holds the runs', (_, run, id) => {
  expect(requireRun(run, folder)).toBe(join(folder, id));
});

it('finds a path wherever it is', () => {
  expect(requireRun(join(folder, RUNS[0]!), '/nowhere')).toBe(join(folder, RUNS[0]!));
});

it.each([
  ['last', '/nowhere', /in \/nowhere or "last", got "last"/, /no runs there.*--out/],
  ['b', '', /got "b"/, /b-20260102-030405-aaaa, a-20260102-030406-bbbb.*--out/],
])('says where it looked for "%s" in vain', (run, where, message, next) => {
  expect(() => requireRun(run, where || folder)).toThrow(
    expect.objectContaining({
      code: 'UNKNOWN_RUN',
      message: expect.stringMatching(message),
      next: expect.stringMatching(next),
    }),
  );
});

it.each(['b', 'last'])('finds none in a file, of which "%s" is no run', run => {
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  expect(() => requireRun(run, file)).toThrow(expect.objectContaining({ code: 'UNKNOWN_RUN' }));
  expect(runsBelow(file)).toEqual([]);
});

const event = (fields: object) => JSON.stringify({ atMs: 0, ...fields });
const environment = { id: 'x', startedAt: '2026-01-01T00:00:00Z', machine: {}, versions: {} };
const opening = event({ type: 'plan', plan: planOf({}), environment });
const pipe = (path: string) => void execFileSync('mkfifo', [path]);

it.each<[string, Readonly<Record<string, string | Buffer | typeof pipe>>]>([
  ['a history that is a pipe', { 'events.ndjson': pipe }],
  ['an empty history', { 'events.ndjson': '' }],
  ['another file', { 'events.ndjson': 'root:$6$hunter2:19000\nroot:x\n' }],
  ['events that are none', { 'events.ndjson': `${opening}\nnull\n${opening}\n` }],
  ['events of no type', { 'events.ndjson': `${opening}\n{"atMs": 0}\n${opening}\n` }],
  ['events without end', { 'events.ndjson': `${opening}\n{"type": "phase", "atMs": 1e999}\n${opening}\n` }],
  ['a plan that is none', { 'events.ndjson': event({ type: 'plan', plan: { __proto__: null }, environment }) }],
  [
    'a plan of other types',
    { 'events.ndjson': event({ type: 'plan', plan: { ...planOf({}), load: [] }, environment }) },
  ],
  ['requests that are a pipe', { 'events.ndjson': opening, 'requests.parquet': pipe }],
  ['requests that are text', { 'events.ndjson': opening, 'requests.parquet': 'root:$6$hunter2:19000' }],
  ['requests of no length', { 'events.ndjson': opening, 'requests.parquet': '' }],
  [
    'requests of random bytes',
    {
      'events.ndjson': opening,
      'requests.parquet': Buffer.from(`PAR1${'\x7f\xff\x15\x00'.repeat(99)}\xff\xff\x00\x00PAR1`, 'latin1'),
    },
  ],
  ['a journal that is a pipe', { 'events.ndjson': opening, 'requests.ndjson': pipe }],
  ['a journal of another file', { 'events.ndjson': opening, 'requests.ndjson': 'hunter2\nhunter2\n' }],
  ['a journal of other values', { 'events.ndjson': opening, 'requests.ndjson': 'null\n1\n[]\n' }],
])('judges or refuses %s in words', async (name, files) => {
  const directory = mkdtempSync(join(folder, 'hostile-'));
  for (const [file, content] of Object.entries(files))
    if (typeof content === 'function') content(join(directory, file));
    else writeFileSync(join(directory, file), content);
  const error = await judgeStored(directory, () => undefined).catch((thrown: unknown) => thrown);
  expect(error, name).toBeInstanceOf(SquallError);
  expect(error).toMatchObject({ kind: 'environment', next: expect.any(String) });
  expect(String(error)).not.toContain('hunter2');
});

it.each([
  ['k6', 'p50(ttft) <= 1 s', /be on latency with the engine k6, got "p50\(ttft\) <= 1 s"/],
  ['k6', 'p50(latency) <= 1 s', undefined],
  ['stream', 'p50(ttft) <= 1 s', undefined],
])('asks a run by the engine %s for %s only where it was measured', (engine, objective, refused) => {
  const plan = planOf({ slos: [{ name: objective, window: 'whole', objective }] });
  const events = historyOf({ ...plan, load: { ...plan.load, engine } });
  if (refused) expect(() => requireMeasured({ events })).toThrow(refused);
  else requireMeasured({ events });
});
