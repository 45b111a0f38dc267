import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { startTimeOf } from '../../../harness/host/process-group.ts';
import {
  createJournal,
  JOURNAL,
  resumeJournal,
  type SuiteEntry,
  type SuiteHeader,
} from '../../../scenarios/suite/journal.ts';

const HEADER: SuiteHeader = {
  ...{ type: 'suite', schema: 1, source: 'smoke', id: 'smoke-suite-1', startedAt: '2030-01-01T00:00:00Z' },
  ...{ machine: { cores: 2 }, versions: { node: '24' }, folder: '/', platforms: ['virtual'], suite: { name: 'smoke' } },
  ...{ scenarios: {}, replay: 'npx squall suite smoke' },
};

const entry = (seed: number): SuiteEntry => ({
  ...{ type: 'run', scenario: 'node-loss', platform: 'virtual', seed, repeat: 1, without: null, atMs: 10 },
  run: { verdict: 'pass', exitCode: 0, reasons: [], durationMs: 1, wallMs: 1, slos: [], files: {} },
});

const root = mkdtempSync(join(tmpdir(), 'squall-journal-'));
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, 'suite-'));
  path = join(folder, JOURNAL);
  using journal = createJournal(folder, HEADER);
  journal.append(entry(42));
  journal.append(entry(43));
});

describe('the journal of a suite', () => {
  it('is read again as it was written, and goes on', () => {
    {
      using journal = resumeJournal(folder);
      expect(journal).toMatchObject({ header: HEADER, entries: [entry(42), entry(43)] });
      journal.append(entry(44));
    }
    using again = resumeJournal(folder);
    expect(again.entries.map(({ seed }) => seed)).toEqual([42, 43, 44]);
  });

  it('is read as it is where an earlier version wrote it, which had no seals', () => {
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/,"seal":"[^"]*"/g, ''));
    {
      using journal = resumeJournal(folder);
      journal.append(entry(44));
    }
    using again = resumeJournal(folder);
    expect(again.entries).toEqual([entry(42), entry(43), entry(44)]);
  });

  it('loses a last line that was cut short, and nothing else', () => {
    appendFileSync(path, JSON.stringify(entry(44)).slice(0, -3));
    {
      using journal = resumeJournal(folder);
      expect(journal.entries).toHaveLength(2);
      journal.append(entry(45));
    }
    using again = resumeJournal(folder);
    expect(again.entries.map(({ seed }) => seed)).toEqual([42, 43, 45]);
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ['of a future version', text => text.replace('"schema":1', '"schema":2'), /line 1 .*`schema` is 2, .* reads 1/],
    ['of something else', text => text.replace('"type":"suite"', '"type":"plan"'), /line 1 .*`type` is wrong/],
    ['cut in the middle', text => text.replace('"type":"run","scen', '"type":'), /line 2 .*no JSON/],
    ['with a verdict that is none', text => text.replace('"pass"', '"fine"'), /line 2 .*`run\.verdict` is wrong/],
    ['without a first line', text => text.split('\n').slice(1).join('\n'), /line 1 .*`type` is wrong/],
    ['that is empty', () => '', /line 1 .*no JSON/],
    [
      'of no suite',
      text => text.replace('{"name":"smoke"}', 'null'),
      /line 1 .*`suite` is wrong: expected object, found null/,
    ],
    ['with a verdict of its own', text => text.replace('"pass"', '"fail"'), /line 2 .*was changed or removed since/],
    ['with a run twice', text => `${text}${text.split('\n')[1]}\n`, /line 4 .*was changed or removed since/],
    ['without a run', text => text.replace(/\n.*\n/, '\n'), /line 2 .*was changed or removed since/],
    ['without a seal', text => text.replace(/(run.*),"seal":"[^"]*"/, '$1'), /line 2 .*was changed or removed since/],
  ])('is refused, with the line: one %s', (_, broken, message) => {
    writeFileSync(path, broken(readFileSync(path, 'utf8')));
    expect(() => resumeJournal(folder)).toThrow(
      expect.objectContaining({ code: 'BAD_SUITE_FOLDER', message: expect.stringMatching(message) }),
    );
  });

  it('belongs to one process at a time, until that has ended', () => {
    const lock = join(folder, 'journal.lock');
    // The parent of this process runs.
    writeFileSync(lock, `${process.ppid} ${startTimeOf(process.ppid)}`);
    expect(() => resumeJournal(folder)).toThrow(expect.objectContaining({ code: 'SUITE_RUNNING' }));
    // Another process has its id now; and no process has this one: the largest is 2²².
    for (const gone of [`${process.ppid} 1`, '4194305 1']) {
      writeFileSync(lock, gone);
      using journal = resumeJournal(folder);
      expect(readFileSync(lock, 'utf8')).toBe(`${process.pid} ${startTimeOf(process.pid)}`);
      expect(journal.entries).toHaveLength(2);
    }
    expect(existsSync(lock)).toBe(false);
  });

  it('is missed by name', () => {
    expect(() => resumeJournal(join(folder, 'nowhere'))).toThrow(
      expect.objectContaining({
        code: 'UNKNOWN_SUITE_FOLDER',
        message: expect.stringContaining('journal.ndjson, found none'),
      }),
    );
  });
});
