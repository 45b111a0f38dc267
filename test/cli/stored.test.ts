import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requireRun } from '../../cli/stored.ts';

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
