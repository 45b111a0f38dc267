import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TracePlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import { readLengths } from '../../load/trace/lengths.ts';
import { hashFile, linesOf, requireSameFile } from '../../load/trace/lines.ts';
import { readTrace, replayTrace, type TraceShape } from '../../load/trace/trace.ts';
import { loadWarnings } from '../../scenarios/load/warnings.ts';
import { planOf as scenarioPlan } from './load-plans.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-trace-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(text: string | Buffer, name = 'trace'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const AZURE: TraceShape = {
  columns: { time: 'TIMESTAMP', promptTokens: 'ContextTokens', outputTokens: 'GeneratedTokens' },
  timeUnit: 's',
};
const MOONCAKE: TraceShape = {
  columns: { time: 'timestamp', promptTokens: 'input_length', outputTokens: 'output_length' },
  timeUnit: 'ms',
};

describe('reading a trace', () => {
  it("reads Azure's CSV, whose dates have seven digits of a second", () => {
    const path = file(
      'TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319600,3180,8\n\n"2023-11-16 18:18:03.9799600", 110 ,27',
    );
    const rows = [...readTrace(path, AZURE)];
    expect(rows.map(({ promptTokens, outputTokens }) => [promptTokens, outputTokens])).toEqual([
      [4808, 10],
      [3180, 8],
      [110, 27],
    ]);
    for (const [i, expected] of [0, 52, 60_000].entries()) expect(rows[i]!.atMs).toBeCloseTo(expected, 3);
  });

  it('reads lines that begin or end with an empty cell, as pandas writes an index without a name', () => {
    const path = file(',TIMESTAMP,ContextTokens,GeneratedTokens,\n0,5,1,2,\n,6,"3",4,""\n');
    expect([...readTrace(path, AZURE)]).toEqual([
      { atMs: 0, promptTokens: 1, outputTokens: 2 },
      { atMs: 1000, promptTokens: 3, outputTokens: 4 },
    ]);
  });

  it('reads dates with a zone as they mean', () => {
    const path = file(
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,1,1\n2024-05-10 02:00:01.009930+02:00,1,1\n',
    );
    expect([...readTrace(path, AZURE)][1]!.atMs).toBeCloseTo(1000, 6);
  });

  it("reads Mooncake's objects, whatever else they hold", () => {
    const row = (at: number) => `{"timestamp": ${at}, "input_length": 6755, "output_length": 500, "hash_ids": [0, 1]}`;
    const path = file(`${row(27_000)}\n${row(27_000)}\n${row(30_000)}\n`);
    expect([...readTrace(path, MOONCAKE)]).toEqual([
      { atMs: 0, promptTokens: 6755, outputTokens: 500 },
      { atMs: 0, promptTokens: 6755, outputTokens: 500 },
      { atMs: 3000, promptTokens: 6755, outputTokens: 500 },
    ]);
  });

  const head = 'TIMESTAMP,ContextTokens,GeneratedTokens\n';
  it.each<[string, string, TraceShape, RegExp]>([
    [
      'no number',
      `${head}1,2,3\n2,many,3\n`,
      AZURE,
      /line 3, column "ContextTokens": expected a whole number.*found "many"/,
    ],
    ['a fraction', `${head}1,2.5,3\n`, AZURE, /line 2, column "ContextTokens".*found "2.5"/],
    ['a negative count', `${head}1,2,-3\n`, AZURE, /line 2, column "GeneratedTokens".*found "-3"/],
    ['an empty cell', `${head}1,,3\n`, AZURE, /line 2, column "ContextTokens".*found ""/],
    ['no time', `${head}soon,2,3\n`, AZURE, /line 2, column "TIMESTAMP": expected a time.*found "soon"/],
    ['a day that is none', `${head}2024-13-10 00:00:00,2,3\n`, AZURE, /line 2, column "TIMESTAMP"/],
    ['time that goes back', `${head}5,2,3\n4,2,3\n`, AZURE, /line 3, column "TIMESTAMP": expected a time no earlier/],
    ['too few cells', `${head}1,2\n`, AZURE, /line 2.*expected 3 cells, like the header, found "2 cells"/],
    ['too many cells', `${head}1,2,3,4\n`, AZURE, /found "4 cells"/],
    ['another column', 'time,in,out\n1,2,3\n', AZURE, /line 1, column "TIMESTAMP".*beside 3 others, found nothing/],
    [
      'half an object',
      '{"timestamp": 1, "input_length"\n',
      MOONCAKE,
      /line 1, column "timestamp": expected a JSON object/,
    ],
    ['another key', '{"timestamp": 1, "output_length": 1}\n', MOONCAKE, /line 1, column "input_length".*found nothing/],
    ['a truth', '{"timestamp": true, "input_length": 1, "output_length": 1}', MOONCAKE, /"timestamp".*found true/],
    [
      'no such column, and no row',
      'TIMESTAMP,in\n',
      AZURE,
      /line 1, column "ContextTokens".*beside 2 others, found nothing/,
    ],
    ['a header alone', head, AZURE, /trace: expected rows after the header, found none/],
    ['nothing', '\n\n', AZURE, /trace: expected a header line and rows, or one JSON object per line, found nothing/],
    ['an array', '\n [{"timestamp": 1}]', MOONCAKE, /trace: expected one JSON object per line, found an array/],
    ['a terminal’s orders', '\x1B[31m,\x9B\n', AZURE, /column "TIMESTAMP".*beside 2 others, found nothing$/],
  ])('names file, line, column, what was expected and what was found: %s', (_, text, shape, message) => {
    const path = file(text);
    const read = () => [...readTrace(path, shape)];
    expect(read).toThrow(expect.objectContaining({ code: 'BAD_TRACE', message: expect.stringMatching(message) }));
    expect(read).toThrow(expect.objectContaining({ message: expect.stringContaining(path) }));
  });

  it('says that a file is not there', () => {
    const read = () => [...readTrace(join(folder, 'none'), AZURE)];
    expect(read).toThrow(
      expect.objectContaining({ code: 'TRACE_UNREADABLE', message: expect.stringContaining('ENOENT') }),
    );
  });

  it.each<[string, Buffer, RegExp, RegExp]>([
    ['gzip', gzipSync(`${head}1,2,3\n`), /packed with gzip/, /^Unpack it first: gzip -dc /],
    ['UTF-16', Buffer.from(`\uFEFF${head}1,2,3\n`, 'utf16le'), /bytes of 0, as UTF-16/, /^Convert it.*iconv/],
    ['lines that end in CR', Buffer.from(`${head}1,2,3\n`.replaceAll('\n', '\r')), /end in CR alone/, /^Convert.*tr /],
  ])('says what to do about a file that is no text with lines: %s', (_, bytes, message, next) => {
    const read = () => [...readTrace(file(bytes), AZURE)];
    expect(read).toThrow(
      expect.objectContaining({
        code: 'TRACE_UNREADABLE',
        message: expect.stringMatching(message),
        next: expect.stringMatching(next),
      }),
    );
  });

  it('gives the same lines wherever the blocks of the file end', () => {
    // Three bytes a character, so that blocks of 64 KiB end inside one.
    const lines = Array.from({ length: 9000 }, (_, i) => `${'→'.repeat(i % 23)}${i}`);
    expect([...linesOf(file(lines.join('\r\n')))]).toEqual(lines);
    expect([...linesOf(file(`\uFEFF${lines.join('\n')}\n`))]).toEqual(lines);
  });
});

describe('a replay', () => {
  const rows = Array.from({ length: 100 }, (_, i) => `${i * 0.5},${i},0`).join('\n');
  const planOf = (changes: Partial<TracePlan> = {}): TracePlan => {
    const path = file(`TIMESTAMP,ContextTokens,GeneratedTokens\n${rows}\n`);
    return { ...AZURE, file: path, sha256: hashFile(path), fromMs: 0, toMs: 60_000, speed: 1, ...changes };
  };

  it('is cut and sped up', () => {
    const cut = [...replayTrace(planOf({ fromMs: 10_000, toMs: 20_000, speed: 4 }))];
    expect(cut).toHaveLength(20);
    expect([cut[0], cut.at(-1)]).toEqual([
      { atMs: 0, promptTokens: 20, outputTokens: 1 },
      { atMs: 2375, promptTokens: 39, outputTokens: 1 },
    ]);
  });

  it('spreads rows within their second, in order, as the seed says, and before its end', () => {
    const perSecond = 50;
    const lumps = Array.from({ length: 20 * perSecond }, (_, i) => `${Math.floor(i / perSecond)},${i},0`).join('\n');
    const path = file(`TIMESTAMP,ContextTokens,GeneratedTokens\n${lumps}\n`, 'lumps');
    const plan = planOf({ file: path, fromMs: 2000, toMs: 10_500, speed: 2, spread: 'within-second' });
    const replay = (seed: number) => [...replayTrace(plan, seededRandom(seed))];
    const spread = replay(1);
    expect(spread.map(({ promptTokens }) => promptTokens)).toEqual(
      [...replayTrace({ ...plan, toMs: 11_000, fromMs: 2000 })].map(({ promptTokens }) => promptTokens),
    );
    for (const [nth, { atMs }] of spread.entries()) {
      const fromMs = (Math.floor(nth / perSecond) * 1000) / 2;
      expect(atMs).toBeGreaterThanOrEqual(fromMs);
      expect(atMs).toBeLessThan(Math.min(fromMs + 500, 4250));
    }
    const times = spread.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // 50 uniform instants in 500 ms: the largest gap is about 45 ms, and hardly ever 200.
    expect(Math.max(...times.slice(1).map((atMs, i) => atMs - times[i]!))).toBeLessThan(200);
    expect(replay(1)).toEqual(spread);
    expect(replay(2)).not.toEqual(spread);
  });

  it('says beforehand that rows of whole seconds arrive at once, unless they are spread', () => {
    const planFor = (times: readonly number[], trace: object = {}) => {
      const path = file(`TIMESTAMP,ContextTokens,GeneratedTokens\n${times.map(s => `${s},1,1`).join('\n')}\n`, 'whole');
      return scenarioPlan('/', { arrivals: 'trace', trace: { file: path, ...trace } });
    };
    const lumps = [0, 0, 0, 1, 1, 1];
    expect(loadWarnings(planFor(lumps).load)).toEqual([
      expect.stringMatching(/3\.0 rows each.*`load\.trace\.spread: within-second`/),
    ]);
    expect(loadWarnings(planFor(lumps, { spread: 'within-second' }).load)).toEqual([]);
    expect(loadWarnings(planFor([0, 1, 2, 2, 3]).load)).toEqual([]);
    expect(loadWarnings(planFor([0, 0, 0.5, 1, 1]).load)).toEqual([]);
    // The last second counts as a whole one, which its rows are spread over.
    expect(planFor(lumps, { spread: 'within-second' }).load.ramps.at(-1)!.toMs).toBe(2000);
    expect(() => planFor([0, 0.5], { spread: 'within-second' })).toThrow('`load.trace.spread`');
  });

  it('does not read beyond its cut', () => {
    const path = file('TIMESTAMP,ContextTokens,GeneratedTokens\n0,1,1\n1,1,1\n2,1,1\nnonsense\n', 'own');
    expect([...replayTrace(planOf({ file: path, toMs: 2000 }))]).toHaveLength(2);
    expect(() => [...replayTrace(planOf({ file: path, toMs: 2001 }))]).toThrow(/line 5/);
  });

  it('is refused when one byte of the file has changed', () => {
    const plan = planOf();
    expect(() => requireSameFile(plan, 'trace')).not.toThrow();
    writeFileSync(plan.file, `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.replace('50,100', '50,101')} \n`);
    expect(() => requireSameFile(plan, 'trace')).toThrow(
      expect.objectContaining({ code: 'TRACE_CHANGED', message: expect.stringContaining(plan.sha256) }),
    );
  });

  it('gives lengths in the pairs that they came in', () => {
    const pairs = Array.from({ length: 3000 }, (_, i) => `${i},${i + 1},${7 * (i + 1)}`).join('\n');
    const path = file(`TIMESTAMP,ContextTokens,GeneratedTokens\n${pairs}\n`, 'own');
    const lengths = readLengths(planOf({ file: path, toMs: 1e9 }));
    const random = seededRandom(1);
    const drawn = Array.from({ length: 500 }, () => lengths.pick(random));
    expect(drawn.every(([prompt, output]) => output === 7 * prompt)).toBe(true);
    expect(new Set(drawn.map(([prompt]) => prompt)).size).toBeGreaterThan(400);
    expect(Math.max(...drawn.map(([prompt]) => prompt))).toBeGreaterThan(2900);
  });
});
