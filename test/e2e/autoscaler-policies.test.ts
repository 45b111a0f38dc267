import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../harness/history.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/policies.yaml');

/** Changes of the number of replicas: 2 at first, of which a load three times as high as theirs needs 4. */
interface Course {
  /** Highest number. */
  readonly peak: readonly [min: number, max: number];
  /** Lowest number after that, once the load is gone. */
  readonly lowest: number;
  /** Found in one of the reasons each, in their order. */
  readonly reasons: readonly RegExp[];
}

const COURSES: Readonly<Record<string, Course>> = {
  noop: { peak: [2, 2], lowest: 2, reasons: [] },
  threshold: { peak: [6, 6], lowest: 2, reasons: [/load 0\.[89]\d* > 0\.8: \+5$/, /load 0\.[012]\d* < 0\.3: -1$/] },
  knative: { peak: [4, 6], lowest: 0, reasons: [/concurrency [\d.]+ \/ 2\.1, panic$/, /^1 -> 0: concurrency 0 /] },
  keda: {
    peak: [4, 6],
    lowest: 0,
    reasons: [
      /length [\d.]+ \/ 2$/,
      /^\d -> 0: length 0 \/ 2, not above 0 for 120 s$/,
      /^0 -> 1: .*activated above 0$/,
    ],
  },
  slo: { peak: [3, 6], lowest: 2, reasons: [/^2 -> 3: ttft \d+ ms \/ 500 ms$/, /no load for 60 s$/] },
  schedule: { peak: [5, 5], lowest: 2, reasons: [/^2 -> 5: 5 from "8 8 \* \* \*" to "12 8 \* \* \*"$/, /no window$/] },
  predictive: { peak: [4, 6], lowest: 2, reasons: [/load [\d.]+ \/ 4, no forecast yet$/] },
  own: { peak: [4, 6], lowest: 2, reasons: [/^2 -> 3: 5 in flight$/, /in flight$/] },
};

describe('every policy in a whole stack, in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let root: string;
  beforeAll(async () => {
    const { code, stderr } = await squall(['run', SCENARIO, '--platform', 'virtual', '--out', out.path, '--json']);
    expect(code, stderr).toBe(0);
    root = join(out.path, readdirSync(out.path)[0]!);
  }, 120_000);

  it.each(Object.entries(COURSES))('follows the load and loses no request: %s', (name, course) => {
    const folder = join(root, name, readdirSync(join(root, name))[0]!);
    const document = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunDocument;
    expect(document).toMatchObject({ verdict: 'pass', load: { failed: 0, dropped: 0 } });
    const scalings = readHistory(join(folder, 'events.ndjson')).filter(event => event.type === 'scale');
    const counts = [2, ...scalings.map(({ to }) => to)];
    const peak = Math.max(...counts);
    expect(peak).toBeGreaterThanOrEqual(course.peak[0]);
    expect(peak).toBeLessThanOrEqual(course.peak[1]);
    expect(Math.min(...counts.slice(counts.indexOf(peak)))).toBe(course.lowest);
    let last = -1;
    for (const pattern of course.reasons) {
      last = scalings.findIndex(({ reason }, index) => index > last && pattern.test(reason));
      expect(last, `${pattern} in ${scalings.map(({ reason }) => reason).join('; ')}`).toBeGreaterThanOrEqual(0);
    }
    const log = readFileSync(join(folder, 'autoscaler.log'), 'utf8');
    expect(log).not.toMatch(/policy failed|cannot be read|was not set/);
  });

  it('has the replicas of a schedule before its load, by the lead', () => {
    const folder = join(root, 'schedule', readdirSync(join(root, 'schedule'))[0]!);
    const events = readHistory(join(folder, 'events.ndjson'));
    const scaledAtMs = events.find(event => event.type === 'scale')!.atMs;
    // 8 min after the start of the autoscaler, less a lead of 4 min: 4 s, and at most one sync of 250 ms later.
    const startedAtMs = events.find(event => event.type === 'replica' && event.replica === 'autoscaler')!.atMs;
    expect(scaledAtMs - startedAtMs).toBeGreaterThan(4000);
    expect(scaledAtMs - startedAtMs).toBeLessThan(4000 + 750);
  });
});
