import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHistory, type RunEvent, readHistory, senderOf, type TimedEvent } from '../../harness/history.ts';
import { FakeClock } from '../fake-clock.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'squall-history-'));
  path = join(directory, 'events.ndjson');
});
afterEach(() => rmSync(directory, { recursive: true }));

const up: RunEvent = { type: 'phase', phase: 'up' };
const bit = (seenMs: number): RunEvent => ({ type: 'fault', id: 'kill', step: 'effective', evidence: 'gone', seenMs });

test('events are read on the run timeline, where 0 is the start of the load phase', async () => {
  const clock = new FakeClock(5_000_000.25);
  {
    using history = openHistory(path, clock);
    history.append(up);
    await clock.advance(100);
    history.append({ type: 'start', inMs: 400 });
    await clock.advance(1400.5);
    expect(history.at(clock.nowMs())).toBe(1500.5);
    history.append(bit(1200), clock.nowMs());
  }
  expect(readHistory(path)).toEqual([
    { atMs: -500, ...up, wallMs: 5_000_000 },
    { atMs: -400, type: 'start', inMs: 400 },
    { atMs: 1000.5, ...bit(700) },
  ]);
});

test('samples carry the time at which they were requested, on the run timeline', async () => {
  const clock = new FakeClock(100);
  const sample = (seenMs: number): RunEvent => ({ type: 'sample', seenMs, readings: { 'inference-1': { queue: 3 } } });
  using history = openHistory(path, clock);
  history.append({ type: 'start', inMs: 400 });
  await clock.advance(905);
  history.append(sample(900));
  expect(readHistory(path)[1]).toEqual({ atMs: 505, ...sample(500) });
});

test('a run that did not reach its load phase keeps its opening as origin', async () => {
  const clock = new FakeClock(77);
  using history = openHistory(path, clock);
  await clock.advance(30);
  history.append({ type: 'crashed', reason: 'port taken' });
  expect(readHistory(path)).toEqual([{ atMs: 30, type: 'crashed', reason: 'port taken' }]);
});

test('an event is on disk before append returns, and then passed to listeners', () => {
  using history = openHistory(path, new FakeClock());
  const heard: string[] = [];
  history.listen(event => heard.push(`${event.type} ${readFileSync(path, 'utf8').split('\n').length - 1}`));
  history.append(up);
  history.append({ type: 'interrupted', by: 'SIGINT' });
  expect(heard).toEqual(['phase 1', 'interrupted 2']);
});

test('a killed run leaves a readable prefix, whatever its last byte', () => {
  {
    using history = openHistory(path, new FakeClock());
    history.append(up);
    history.append({ type: 'interrupted', by: 'SIGINT' });
  }
  const size = readFileSync(path).length;
  const first = readFileSync(path, 'utf8').indexOf('\n');
  for (let length = size; length >= 0; length -= 1) {
    truncateSync(path, length);
    // A line of which only the newline is missing is complete.
    const whole = length >= size - 1 ? 2 : length >= first ? 1 : 0;
    expect(readHistory(path)).toHaveLength(whole);
  }
});

test('a corrupt line in the middle is an error', () => {
  {
    using history = openHistory(path, new FakeClock());
    history.append(up);
  }
  appendFileSync(path, 'nonsense\n');
  expect(() => readHistory(path)).toThrow();
});

test('a history is never overwritten', () => {
  openHistory(path, new FakeClock())[Symbol.dispose]();
  expect(() => openHistory(path, new FakeClock())).toThrow(/EEXIST/);
});

test('the sender of a request is the run, or the run of its segment in a merged one', () => {
  const plan = { type: 'plan', atMs: 0, environment: { id: 'whole' } } as unknown as TimedEvent;
  expect(senderOf([plan])(7)).toBe('whole');
  const segments = ['a', 'b', 'c'].map((run, nth) => ({ index: nth + 1, run, startAt: null, requests: 0 }));
  const sender = senderOf([plan, { type: 'merged', atMs: 0, segments }]);
  expect([0, 1, 2, 3, 7].map(sender)).toEqual(['a', 'b', 'c', 'a', 'b']);
});
