import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { expectedArrivals, type Ramp } from '../../../harness/arrivals/arrivals.ts';
import { sinusoidRamps } from '../../../harness/arrivals/sinusoid.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { watchDrops } from '../../../load/k6/drops.ts';
import type { K6Response } from '../../../load/k6/lines.ts';
import { Recorder, type RecorderOptions } from '../../../load/k6/recorder.ts';
import { iterationsIn, k6Ramp } from '../../../load/k6/stages.ts';
import { rig } from '../rig.ts';

const ANSWER = { errorCode: 0, error: '', isSent: true, body: 'ok', outputTokens: 3, upstream: 'a' } as const;

/** A recorder of a k6 whose clock is 1000 ms behind the run's. */
function recorder(options: Partial<RecorderOptions> = {}) {
  const records: RequestRecord[] = [];
  using prepared = rig({ targets: ['http://127.0.0.1:9'], warmUpMs: 500 });
  const journal = { append: (record: RequestRecord) => void records.push(record) };
  const one = new Recorder({ plan: prepared.job.plan, journal, offsetMs: -1000, ...options });
  return {
    records,
    recorder: one,
    start: (iteration: number, atMs: number, dueMs: number | null = null) =>
      one.take({ type: 'start', iteration, atMs, promptTokens: 7, dueMs }),
    end: (iteration: number, atMs: number, status = 200, more: Partial<K6Response> = {}) =>
      one.take({ type: 'end', iteration, atMs, status, ...ANSWER, firstByteMs: null, ...more }),
  };
}

it('quotes the first failure of each kind that k6 tells of, without secrets', () => {
  const { recorder: one, start, end } = recorder({ secrets: ['Bearer my-key'] });
  const headers = { 'Content-Type': 'application/json', Via: '1.1 proxy', 'Set-Cookie': 'c' };
  for (const [nth, text] of ['{"error":"no my-key"}', 'another'].entries()) {
    start(nth, 1000);
    end(nth, 1010, 404, { body: '', said: { text, headers } });
  }
  start(2, 1000);
  end(2, 1010, 0, { body: '', errorCode: 1220, error: 'connection reset by peer' });
  start(3, 1000);
  end(3, 1010);
  expect(one.progress(0).notes).toEqual([
    {
      ...{ type: 'failure', name: 'http-404', count: 2, example: '{"error":"no ***"}' },
      headers: { 'content-type': 'application/json', via: '1.1 proxy' },
    },
    { type: 'failure', name: 'reset', count: 1, example: 'connection reset by peer' },
  ]);
});

describe('the records of k6', () => {
  it('say when an iteration began, and do not claim to know when it was due', () => {
    const { records, start, end } = recorder();
    start(0, 900);
    end(0, 1010.5);
    expect(records).toEqual([
      {
        ...{ index: 0, scheduledMs: -100, sentMs: -100, firstTokenMs: null, endMs: 10.5, outcome: 'ok', status: 200 },
        ...{ promptTokens: 7, outputTokens: 3, stage: 'warm-up', upstream: 'a', gaps: [] },
      },
    ]);
  });

  // Of the second of three ramps: iterations 1, 4, 7 and two drops; offered = sent + dropped, each number once, all its own.
  it('have the numbers of their iterations; dropped ones follow', () => {
    const { records, recorder: one, start, end } = recorder({ partition: { first: 1, step: 3 } });
    for (const [nth, iteration] of [1, 4, 7].entries()) start(iteration, 1100 + nth);
    for (const runMs of [150, 160]) one.dropped(runMs);
    for (const iteration of [7, 1, 4]) end(iteration, 1200);
    expect(one.progress(0)).toMatchObject({ sent: 3, completed: 3, dropped: 2, inFlight: 0 });
    one.finish(300);
    expect(one.requests).toBe(5);
    expect(records.map(({ index }) => index)).toEqual([7, 1, 4, 10, 13]);
    const dropped = records.filter(({ outcome }) => outcome === 'dropped');
    expect(dropped.map(({ scheduledMs, sentMs, stage }) => [scheduledMs, sentMs, stage])).toEqual([
      [150, null, 'steady'],
      [160, null, 'steady'],
    ]);
  });

  it('call nothing dropped that met a k6 about to leave, and interrupted what it cut', () => {
    const { records, recorder: one, start, end } = recorder();
    start(0, 1100);
    start(1, 1100);
    one.stop(200);
    one.dropped(201);
    end(0, 1202, 0);
    one.finish(210);
    expect(records.map(({ index, outcome }) => [index, outcome])).toEqual([
      [0, 'interrupted'],
      [1, 'interrupted'],
    ]);
  });

  it('say of a closed loop when its user meant to send', () => {
    const { records, start, end } = recorder();
    start(40, 1105, 1100);
    start(7, 1106, 1101);
    end(7, 1200);
    end(40, 1201);
    expect(records.map(({ index, scheduledMs, sentMs }) => [index, scheduledMs, sentMs])).toEqual([
      [1, 101, 106],
      [0, 100, 105],
    ]);
  });
});

describe('the drops among the samples of k6', () => {
  const TEXT = [
    'metric_name,timestamp,metric_value,extra_tags,metadata',
    'dropped_iterations,1795877878614507,1.000000,,',
    'vus,1795877878614600,5.000000,,',
    'dropped_iterations,1795877878637254,1.000000,,',
    'iteration_duration,1795877878637300,1.0,"x=dropped_iterations,5",',
    '',
  ].join('\n');

  it.each([1, 7, 40, 1000])('are found once each, in pieces of %i bytes', async size => {
    const found: number[] = [];
    const samples = new PassThrough();
    watchDrops(samples, wallMs => void found.push(wallMs));
    for (let at = 0; at < TEXT.length; at += size) samples.write(TEXT.slice(at, at + size));
    await new Promise(resolve => samples.end(resolve));
    expect(found).toEqual([1795877878614.507, 1795877878637.254]);
  });
});

describe('what k6 is asked for', () => {
  const ramp = (fromMs: number, toMs: number, fromPerSecond: number, toPerSecond: number): Ramp => ({
    ...{ name: 's', fromMs, toMs, fromPerSecond, toPerSecond },
  });

  // 20/s for 1 s, a step to 50/s for 1 s, a ramp to 0 in 2 s: 20 + 50 + 50 iterations.
  it('is as many iterations as its stages have arrivals', () => {
    const ramps = [ramp(0, 1000, 20, 20), ramp(1000, 2000, 50, 50), ramp(2000, 4000, 50, 0)];
    expect(iterationsIn(k6Ramp(ramps))).toBe(120);
  });

  // Pieces of 16.7, 8.3 and 5.6 ms: rounded one by one, 60 s of them would last 61.2, 57.6 and 64.9 s.
  it.each([1000, 500, 333])('keeps to a sinusoid whose period is %i ms', periodMs => {
    const curve = { meanPerSecond: 31, amplitudePerSecond: 25, periodMs, phase: 0 };
    const ramps = sinusoidRamps('s', 0, 60_000, curve);
    const planned = ramps.reduce((sum, piece) => sum + expectedArrivals(piece), 0);
    const ramp = k6Ramp(ramps);
    expect(Math.abs(iterationsIn(ramp) - planned)).toBeLessThanOrEqual(2);
    const lastingMs = ramp.stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
    // A tail of 5 s, in which nothing is due.
    expect(Math.abs(lastingMs - 65_000)).toBeLessThan(2);
  });
});
