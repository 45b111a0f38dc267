import { expect, test } from 'vitest';
import { arrivalTimes, expectedArrivals, type Ramp, rampAt, stagesOf } from '../../../harness/arrivals/arrivals.ts';
import { activeFromMs, maxUsers } from '../../../harness/arrivals/closed.ts';
import { sinusoidRamps } from '../../../harness/arrivals/sinusoid.ts';
import { spikeRamps } from '../../../harness/arrivals/spike.ts';
import { seededRandom } from '../../../harness/random.ts';

const sum = (ramps: readonly Ramp[]) => ramps.reduce((total, s) => total + expectedArrivals(s), 0);
const CURVE = { meanPerSecond: 50, amplitudePerSecond: 30, periodMs: 60_000 };

// ∫ = mean·T − amplitude·P/2π · (cos(2π(T/P + phase)) − cos(2π·phase)); over whole periods the mean alone.
test.each([
  [60_000, 0],
  [180_000, 0.3],
  [600_000, 0.75],
])('a sinusoid over whole periods has exactly its mean rate (%i ms, phase %f)', (forMs, phase) => {
  const whole = sum(sinusoidRamps('day', 1000, forMs, { ...CURVE, phase }));
  expect(whole).toBeCloseTo((50 * forMs) / 1000, 6);
});

test.each([
  [15_000, 0],
  [42_000, 0.1],
  [100_000, 0.75],
])('over part of a period the integral is that of the curve to 0.1 %% (%i ms, phase %f)', (forMs, phase) => {
  const cycles = forMs / 60_000;
  const swing = Math.cos(2 * Math.PI * (cycles + phase)) - Math.cos(2 * Math.PI * phase);
  const exact = (50 * forMs) / 1000 - ((30 * 60) / (2 * Math.PI)) * swing;
  expect(Math.abs(sum(sinusoidRamps('day', 0, forMs, { ...CURVE, phase })) / exact - 1)).toBeLessThan(1e-3);
  // The mean rate alone would not match.
  expect(Math.abs((50 * forMs) / 1000 / exact - 1)).toBeGreaterThan(1e-3);
});

test('a sinusoid is contiguous, never negative, and within its stated distance of the curve', () => {
  const full = { ...CURVE, amplitudePerSecond: 50, phase: 0.2 };
  const ramps = sinusoidRamps('day', 5000, 130_000, full);
  expect(ramps[0]!.fromMs).toBe(5000);
  expect(ramps.at(-1)!.toMs).toBe(135_000);
  for (const [i, ramp] of ramps.entries()) {
    if (i > 0) expect(ramp.fromMs).toBeCloseTo(ramps[i - 1]!.toMs, 6);
    expect(Math.min(ramp.fromPerSecond, ramp.toPerSecond)).toBeGreaterThanOrEqual(0);
  }
  for (let ms = 5000; ms < 135_000; ms += 77) {
    const exact = 50 + 50 * Math.sin(2 * Math.PI * ((ms - 5000) / 60_000 + 0.2));
    expect(Math.abs(rateAt(ramps, ms) - exact)).toBeLessThan(0.0014 * 50);
  }
  expect(stagesOf(ramps)).toMatchObject([{ name: 'day', fromMs: 5000, toMs: 135_000 }]);
});

test('constant arrivals follow the integral of a sinusoid, within one arrival', () => {
  const ramps = sinusoidRamps('day', 0, 60_000, { ...CURVE, phase: 0 });
  const times = [...arrivalTimes(ramps, 'constant', seededRandom(1))];
  const inHalf = (from: number) => times.filter(ms => ms >= from && ms < from + 30_000).length;
  // Each half: 50·30 ± 30·60/π = 1,500 ± 573.
  expect(Math.abs(inHalf(0) - 2073)).toBeLessThanOrEqual(2);
  expect(Math.abs(inHalf(30_000) - 927)).toBeLessThanOrEqual(2);
});

test('a spike rises, stays and falls within its duration, without empty ramps', () => {
  const spike = { basePerSecond: 10, peakPerSecond: 100, riseMs: 1000, fallMs: 2000 };
  const ramps = spikeRamps('burst', 5000, 10_000, spike);
  expect([5000, 5500, 6000, 9000, 12_999, 14_000].map(ms => Math.round(rateAt(ramps, ms)))).toEqual([
    10, 55, 100, 100, 100, 55,
  ]);
  expect(sum(ramps)).toBeCloseTo(55 * 1 + 100 * 7 + 55 * 2, 6);
  expect(spikeRamps('burst', 0, 1000, { ...spike, riseMs: 0, fallMs: 0 })).toEqual([
    { name: 'burst', fromMs: 0, toMs: 1000, fromPerSecond: 100, toPerSecond: 100 },
  ]);
});

const users = (fromMs: number, toMs: number, fromUsers: number, toUsers: number): Ramp => ({
  name: 's',
  fromMs,
  toMs,
  fromPerSecond: 0,
  toPerSecond: 0,
  fromUsers,
  toUsers,
});
const CROWD = [
  users(-1000, 0, 1, 1),
  users(0, 10_000, 1, 11),
  users(10_000, 20_000, 11, 1),
  users(20_000, 30_000, 5, 5),
];

test.each([
  [1, -1000, -1000],
  [2, -1000, 1000],
  [6, -1000, 5000],
  [6, 7000, 7000],
  [6, 15_000, 15_000],
  [6, 15_100, null],
  [5, 17_000, 20_000],
  [11, -1000, 10_000],
  [12, -1000, null],
  [1, 30_000, null],
])('user %i is active at or after %i ms from %j on', (user, sinceMs, fromMs) => {
  const found = activeFromMs(CROWD, user, sinceMs);
  if (fromMs === null) expect(found).toBeNull();
  else expect(found).toBeCloseTo(fromMs, 6);
});

test('the number of active users is that of the plan at any time', () => {
  expect(maxUsers(CROWD)).toBe(11);
  for (let ms = -1000; ms < 30_000; ms += 333) {
    const active = Array.from({ length: 11 }, (_, i) => activeFromMs(CROWD, i + 1, ms)).filter(at => at === ms).length;
    const { fromUsers, toUsers, fromMs, toMs } = CROWD.findLast(ramp => ramp.fromMs <= ms)!;
    expect(active).toBe(Math.floor(fromUsers! + ((toUsers! - fromUsers!) * (ms - fromMs)) / (toMs - fromMs) + 1e-9));
  }
});

/** Offered arrivals per second at an instant; 0 outside all ramps. */
function rateAt(ramps: readonly Ramp[], atMs: number): number {
  const ramp = rampAt(ramps, atMs);
  if (!ramp || atMs >= ramp.toMs) return 0;
  const ratio = (atMs - ramp.fromMs) / (ramp.toMs - ramp.fromMs);
  return ramp.fromPerSecond + ratio * (ramp.toPerSecond - ramp.fromPerSecond);
}
