import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import { DEFAULT_CONNECTIONS, type LoadPlan, type TracePlan } from '../../harness/plan.ts';
import { scheduled } from '../../load/schedule.ts';
import { streamEngine } from '../../load/stream/engine.ts';
import { lengthsFor } from '../../load/trace/lengths.ts';
import { hashFile } from '../../load/trace/lines.ts';
import { outcomesOf, type RigOptions, rig, runLoad, startLoad } from './rig.ts';
import { serve, stream } from './server.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-replay-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const ROWS = 60;
const stage = { fromPerSecond: 100, toPerSecond: 100 };

/** A trace of 60 rows in 1.2 s that come in threes, replayed at twice its speed after a warm-up of 300 ms. */
function load(name: string, tail = ''): Pick<RigOptions, 'arrivals' | 'trace' | 'ramps' | 'workload'> {
  const file = join(folder, name);
  const rows = Array.from({ length: ROWS }, (_, i) => `${(Math.floor(i / 3) * 60) / 1000},${10 + i},${1 + (i % 4)}`);
  writeFileSync(file, `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n${tail}`);
  const columns = { time: 'TIMESTAMP', promptTokens: 'ContextTokens', outputTokens: 'GeneratedTokens' };
  const trace: TracePlan = { file, sha256: hashFile(file), columns, timeUnit: 's', fromMs: 0, toMs: 1201, speed: 2 };
  return {
    arrivals: { kind: 'trace' },
    trace,
    ramps: [
      { name: 'warm-up', fromMs: -300, toMs: 0, ...stage },
      { name: 'trace', fromMs: 0, toMs: 600.5, ...stage },
    ],
    workload: { name: 'trace', model: 'm', promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } },
  };
}

describe('a replayed trace', () => {
  it('is sent row by row, at the times and of the lengths that were recorded', async () => {
    await using server = await serve((_, response) => stream(response));
    const { records } = await runLoad({ ...load('whole.csv'), targets: [server.url] });
    expect(Object.keys(outcomesOf(records))).toEqual(['ok']);
    const replayed = records.filter(({ scheduledMs }) => scheduledMs >= 0).toSorted((a, b) => a.index - b.index);
    expect(replayed.map(({ scheduledMs }) => scheduledMs)).toEqual(
      Array.from({ length: ROWS }, (_, i) => Math.floor(i / 3) * 30),
    );
    expect(replayed.map(({ promptTokens }) => promptTokens)).toEqual(Array.from({ length: ROWS }, (_, i) => 10 + i));
    const asked = new Map(
      server.asked.map(one => [Number(String(one.headers['x-request-id']).split('-').at(-1)), one]),
    );
    for (const [i, { index, sentMs, scheduledMs, stage: name }] of replayed.entries()) {
      expect(JSON.parse(asked.get(index)!.body)).toMatchObject({ max_tokens: 1 + (i % 4) });
      expect(sentMs!).toBeGreaterThanOrEqual(scheduledMs);
      expect(name).toBe('trace');
    }
    // The warm-up draws its lengths from the trace.
    const warm = records.filter(({ scheduledMs }) => scheduledMs < 0);
    expect(warm.length).toBeGreaterThan(5);
    for (const { promptTokens } of warm) expect(promptTokens).toBeLessThan(10 + ROWS);
    expect(new Set(warm.map(({ promptTokens }) => promptTokens)).size).toBeGreaterThan(3);
  });

  // Whatever of the file is not in memory when the start is chosen is gone then. The cut begins behind the first two blocks of
  // 64 KiB (19 characters a row), so neither an open file nor its first block would do.
  it('is read up to its cut, and for its lengths, before the start is chosen', { timeout: 20_000 }, async () => {
    await using server = await serve((_, response) => stream(response));
    const deep = load('deep.csv');
    const rows = Array.from({ length: 8000 }, (_, i) => `${(i / 100).toFixed(2).padStart(8)},${1000 + i},0007`);
    writeFileSync(deep.trace!.file, `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n`);
    const trace = { ...deep.trace!, sha256: hashFile(deep.trace!.file), fromMs: 79_000, toMs: 80_000 };
    using prepared = rig({ ...deep, trace, targets: [server.url] });
    const chooseStart = () => {
      truncateSync(trace.file);
      return systemClock.nowMs() + 700;
    };
    await using running = await streamEngine.start(prepared.job, chooseStart, new AbortController().signal);
    await running.done;
    const records = await prepared.records();
    const replayed = records.filter(({ scheduledMs }) => scheduledMs >= 0).toSorted((a, b) => a.index - b.index);
    expect(replayed.map(({ promptTokens }) => promptTokens)).toEqual(Array.from({ length: 100 }, (_, i) => 8900 + i));
    for (const { promptTokens } of records) expect(promptTokens).toBeGreaterThanOrEqual(8900);
    expect(records.length).toBeGreaterThan(105);
  });

  it('is read for lengths only where a request draws some', () => {
    const { trace, workload } = load('gone.csv');
    rmSync(trace!.file);
    const fixed = { name: 'fixed', model: 'm', promptTokens: [1, 2], outputTokens: [1, 2] } as const;
    const withClass = (own: LoadPlan['workload']) => ({
      connections: DEFAULT_CONNECTIONS,
      retry: null,
      clientTimeout: null,
      classes: [{ name: 'a', weight: 1, workload: own }],
    });
    expect(lengthsFor({ trace: trace!, workload: fixed, clients: withClass(fixed) })).toBeUndefined();
    expect(() => lengthsFor({ trace: trace!, workload: workload! })).toThrow(/ENOENT/);
    expect(() => lengthsFor({ trace: trace!, workload: fixed, clients: withClass(workload!) })).toThrow(/ENOENT/);
  });

  it('is not begun when the file is another one than was planned', async () => {
    const changed = load('changed.csv');
    appendFileSync(changed.trace!.file, '2,1,1\n');
    using prepared = rig({ ...changed, targets: ['http://127.0.0.1:9'] });
    await expect(startLoad(prepared.job)).rejects.toMatchObject({ code: 'TRACE_CHANGED' });
  });

  it('is read as it is sent: a line that cannot be read is no matter before it is reached', () => {
    const broken = load('broken.csv', 'nonsense\n');
    const arrivals = scheduled({ arrivals: broken.arrivals!, trace: broken.trace!, ramps: broken.ramps! }, 1);
    let rows = 0;
    const read = () => {
      for (const { tokens } of arrivals) if (tokens) rows += 1;
    };
    expect(read).toThrow(/broken\.csv, line 62/);
    expect(rows).toBe(ROWS);
  });
});
