import { expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import type { Evidence } from '../../../reports/judge/check.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { type ParsedObjective, parseObjective } from '../../../reports/judge/objective.ts';
import { binomialCdf, quantileRanks, ratioBounds } from '../../../reports/judge/statistics.ts';
import { planOf, type RequestChanges, requestOf } from '../runs.ts';

/*
 * A verdict may be wrong with a probability of at most 5 %, since each bound has a level of 95 %. The true rates of wrong verdicts
 * follow from the binomial distribution: they must be at most 5 %, and the ratios over windows drawn from a distribution of known
 * true value must agree with them, within 3 standard deviations of a ratio, √(0.05·0.95/windows).
 */
const WINDOWS = 2000;
const NOISE = 3 * Math.sqrt((0.05 * 0.95) / WINDOWS);

interface Tally {
  pass: number;
  fail: number;
  inconclusive: number;
}

/** Ratios of verdicts over windows whose requests come from `draw`. */
function tally(windows: number, text: string, draw: (window: number) => RequestChanges[]): Tally {
  const objective = parseObjective(text);
  const shares: Tally = { pass: 0, fail: 0, inconclusive: 0 };
  for (let i = 0; i < windows; i += 1) {
    const requests = draw(i).map((changes, index) => requestOf(index, index * 10, changes));
    shares[verdict(objective, requests)] += 1 / windows;
  }
  return shares;
}

const run = factsOf(planOf(), [], []);
function verdict({ objective, check }: ParsedObjective, requests: Evidence['requests']): keyof Tally {
  return check.judge(objective, { window: { name: 'whole', fromMs: 0, toMs: 60_000 }, requests, run })
    .verdict as keyof Tally;
}

/** Requests with exponential times to first token whose true P95 is `factor` times 800 ms. */
function latencies(count: number, factor: number) {
  const meanMs = (800 * factor) / -Math.log(0.05);
  return (window: number) => {
    const random = seededRandom(window).stream('ttft');
    return Array.from({ length: count }, () => ({ ttftMs: random.exponential(meanMs) }));
  };
}

/** Requests that fail independently with probability `ratio`. */
function failures(count: number, ratio: number) {
  return (window: number) => {
    const random = seededRandom(window).stream('failures');
    return Array.from({ length: count }, (): RequestChanges => (random.next() < ratio ? { outcome: 'reset' } : {}));
  };
}

test('quantiles: a true value just over the limit passes, and one at the limit fails, in at most 5 % of windows', () => {
  const { lower, upper } = quantileRanks(400, 0.95);
  const wrongPass = 1 - binomialCdf(upper! - 1, 400, 0.95);
  const wrongFail = binomialCdf(lower! - 1, 400, 0.95);
  expect(Math.max(wrongPass, wrongFail)).toBeLessThanOrEqual(0.05);
  const over = tally(WINDOWS, 'p95(ttft) <= 800 ms', latencies(400, 1.0001));
  const equal = tally(WINDOWS, 'p95(ttft) <= 800 ms', latencies(400, 1));
  expect(Math.abs(over.pass - wrongPass)).toBeLessThan(NOISE);
  expect(Math.abs(equal.fail - wrongFail)).toBeLessThan(NOISE);
});

test('quantiles: at 15 % from the limit there is hardly a wrong verdict', () => {
  expect(tally(1000, 'p95(ttft) <= 800 ms', latencies(400, 1.15)).pass).toBeLessThan(0.005);
  expect(tally(1000, 'p95(ttft) <= 800 ms', latencies(400, 0.85)).fail).toBeLessThan(0.005);
});

test('quantiles: more samples leave fewer windows undecided', () => {
  const open = [100, 400, 1600].map(n => tally(200, 'p95(ttft) <= 800 ms', latencies(n, 0.8)).inconclusive);
  expect(open[0]).toBeGreaterThan(open[1]!);
  expect(open[1]).toBeGreaterThan(open[2]!);
  expect(open[2]).toBeLessThan(0.05);
});

test('ratios: a true value just over the limit passes, and one at the limit fails, in at most 5 % of windows', () => {
  const counts = Array.from({ length: 401 }, (_, k) => k);
  const maxPassing = counts.findLast(k => ratioBounds(k, 400).upper <= 0.03)!;
  const minFailing = counts.find(k => ratioBounds(k, 400).lower > 0.03)!;
  const wrongPass = binomialCdf(maxPassing, 400, 0.03);
  const wrongFail = 1 - binomialCdf(minFailing - 1, 400, 0.03);
  expect(Math.max(wrongPass, wrongFail)).toBeLessThanOrEqual(0.05);
  const over = tally(WINDOWS, 'errors <= 3%', failures(400, 0.03001));
  const equal = tally(WINDOWS, 'errors <= 3%', failures(400, 0.03));
  const available = tally(WINDOWS, 'availability >= 97%', failures(400, 0.03001));
  expect(Math.abs(over.pass - wrongPass)).toBeLessThan(NOISE);
  expect(Math.abs(equal.fail - wrongFail)).toBeLessThan(NOISE);
  expect(available.pass).toBe(over.pass);
});

test('ratios: more samples leave fewer windows undecided', () => {
  const open = [100, 400, 1600].map(n => tally(200, 'errors <= 3%', failures(n, 0.015)).inconclusive);
  expect(open[0]).toBeGreaterThan(open[1]!);
  expect(open[1]).toBeGreaterThan(open[2]!);
});

test('gaps: perfectly correlated gaps within a request do not make a wrong verdict more likely', () => {
  // Every request has 20 equal gaps, so 100 requests are 100 samples. Treated as 2,000, about a third of the verdicts would be wrong.
  const draw = (window: number) => {
    const random = seededRandom(window).stream('gaps');
    const meanMs = 50.6 / -Math.log(0.05);
    return Array.from({ length: 100 }, () => ({ gapsMs: new Array<number>(20).fill(random.exponential(meanMs)) }));
  };
  // Buckets are 2 % wide; a true P95 of 50.6 ms is at least one half bucket over the limit.
  expect(tally(500, 'p95(itl) <= 50 ms', draw).pass).toBeLessThanOrEqual(0.05 + NOISE);
});

test('throughput: Poisson completions below the limit pass in at most 5 % of windows', () => {
  const { objective, check } = parseObjective('throughput >= 10/s');
  let passes = 0;
  let fails = 0;
  for (let i = 0; i < 500; i += 1) {
    for (const [rate, count] of [
      [9.99, () => (passes += 1)],
      [10.01, () => (fails += 1)],
    ] as const) {
      const random = seededRandom(i).stream('completions');
      const records = [];
      for (let ms = random.exponential(1000 / rate); ms < 60_000; ms += random.exponential(1000 / rate))
        records.push(requestOf(records.length, ms - 500));
      const window = { name: 'whole', fromMs: 0, toMs: 60_000 };
      const found = check.judge(objective, {
        window,
        requests: records,
        run: factsOf(planOf(), [], records),
      });
      if (found.verdict === (rate < 10 ? 'pass' : 'fail')) count();
    }
  }
  // Student's t is exact for normal counts, which 60 Poisson counts a batch approximate: 5 %, plus the noise of 500 windows.
  expect(passes / 500).toBeLessThanOrEqual(0.05 + 2 * NOISE);
  expect(fails / 500).toBeLessThanOrEqual(0.05 + 2 * NOISE);
});
