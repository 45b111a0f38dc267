import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory, type TimedEvent } from '../../harness/history.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/scale-step.yaml');
/** Time of the model load of the profile, 120 s, and of the start of a program, at the scenario's scale. */
const COLD_START_MS = [3000, 3700] as const;
/** From the report of the platform to that of control, and between two syncs. */
const SYNC_MS = 375;

describe('a stack with an autoscaler, in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let document: RunDocument;
  let events: TimedEvent[];
  let log: { msg: string }[];
  beforeAll(async () => {
    const { code, stdout, stderr } = await squall([
      ...['run', SCENARIO, '--platform', 'virtual', '--out', out.path, '--json'],
    ]);
    expect(code, stderr).toBe(0);
    document = JSON.parse(stdout) as RunDocument;
    const folder = join(out.path, readdirSync(out.path)[0]!);
    events = readHistory(join(folder, 'events.ndjson'));
    const lines = readFileSync(join(folder, 'autoscaler.log'), 'utf8').trim().split('\n');
    log = lines.map(line => JSON.parse(line) as { msg: string });
  }, 120_000);
  const scalings = () => events.filter(event => event.type === 'scale');
  /** Replicas beyond the first three. */
  const added = () =>
    Array.from({ length: Math.max(...scalings().map(({ to }) => to)) - 3 }, (_, index) => `inference-${4 + index}`);
  const replicaEvents = (state: string) => events.filter(event => event.type === 'replica' && event.state === state);

  it('scales up during the step, within max, and back to min after it, and never turns in between', () => {
    const counts = [3, ...scalings().map(({ to }) => to)];
    expect(scalings().map(({ from }) => from)).toEqual(counts.slice(0, -1));
    const peak = counts.indexOf(Math.max(...counts));
    // The load of the step needs 5 to 6 replicas, and its queue more, of which there are at most 8.
    expect(counts[peak]).toBeGreaterThanOrEqual(6);
    expect(counts[peak]).toBeLessThanOrEqual(8);
    expect(counts.slice(0, peak + 1)).toEqual(counts.slice(0, peak + 1).toSorted((a, b) => a - b));
    expect(counts.slice(peak)).toEqual(counts.slice(peak).toSorted((a, b) => b - a));
    expect(counts.at(-1)).toBe(3);
    // The step lasts from 2 to 11 s.
    const [first] = scalings();
    expect(first!.atMs).toBeGreaterThan(2000);
    expect(first!.atMs).toBeLessThan(2000 + 8 * SYNC_MS);
    const down = scalings().filter(({ from, to }) => to < from);
    // The window of the way down is 120 s, 3 s here; the queue is empty long before the end of the step.
    expect(down.length).toBeGreaterThanOrEqual(3);
    for (const { from, to } of down) expect(from - to).toBeLessThanOrEqual(2);
  });

  it('starts replicas through a real cold start, and ends the last ones', () => {
    const started = replicaEvents('starting').filter(({ atMs }) => atMs > 0);
    const ready = replicaEvents('ready').filter(({ atMs }) => atMs > 0);
    expect(started.map(event => event.type === 'replica' && event.replica).sort()).toEqual(added());
    for (const event of started) {
      const up = ready.find(
        other => other.type === 'replica' && event.type === 'replica' && other.replica === event.replica,
      );
      expect(up!.atMs - event.atMs).toBeGreaterThan(COLD_START_MS[0]);
      expect(up!.atMs - event.atMs).toBeLessThan(COLD_START_MS[1]);
    }
    const stopped = replicaEvents('stopped').filter(({ atMs }) => atMs > 0);
    expect(
      stopped
        .slice(0, added().length)
        .map(event => event.type === 'replica' && event.replica)
        .sort(),
    ).toEqual(added());
  });

  it('says on the time line and in its log why', () => {
    const reasons = scalings().map(({ reason }) => reason);
    expect(reasons[0]).toMatch(/^3 -> \d: vllm:num_requests_waiting [\d.]+ \/ 5/);
    expect(reasons.some(reason => reason.includes('limited by policy 2 pods/30 s'))).toBe(true);
    const messages = log.map(({ msg }) => msg);
    for (const reason of reasons) expect(messages).toContain(reason);
    expect(messages).toContain('3: vllm:num_requests_waiting 0 / 5, limited by minReplicas 3');
  });

  it('has the course of its reaction, each stage from its event, and every decision in its history', () => {
    const [up, down] = document.scaling!;
    expect(document.scaling).toHaveLength(2);
    const times = [up!.stepAtMs, up!.signalAtMs, up!.decidedAtMs, up!.startedAtMs, up!.readyAtMs, up!.firstServedAtMs];
    expect(times).toEqual(times.toSorted((a, b) => a! - b!));
    expect(up!.stepAtMs).toBe(2000);
    expect(up!.decidedAtMs).toBe(scalings()[0]!.atMs);
    expect(up!.readyAtMs).toBe(replicaEvents('ready').find(({ atMs }) => atMs > 0)!.atMs);
    // One sync and one scrape, and one probe.
    const width = ([fromMs, toMs]: readonly [number, number]) => toMs - fromMs;
    expect(width(up!.intervals.signal!)).toBeLessThanOrEqual(2 * SYNC_MS + 50);
    expect(width(up!.intervals.ready!)).toBeLessThanOrEqual(100);
    expect(down).toMatchObject({ direction: 'down', stepAtMs: 11_000, decidedAtMs: expect.any(Number) });
    const decisions = events.filter(event => event.type === 'decision').map(({ reason }) => reason);
    expect(decisions).toEqual(log.map(({ msg }) => msg).filter(msg => /^\d+(?: -> \d+)?: /.test(msg)));
  });

  it('loses no request, and the queue of the step is gone before its end', () => {
    expect(document.load).toMatchObject({ failed: 0, dropped: 0 });
    expect(document.verdict).toBe('pass');
  });
});
