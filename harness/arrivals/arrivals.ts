import { createHash } from 'node:crypto';
import type { Random } from '../random.ts';
import { type Gaps, gammaGaps } from './gamma.ts';

/**
 * Linear ramp of the offered load from `fromPerSecond` to `toPerSecond`. Consecutive ramps of one name form a stage, so that a
 * stage can approximate a curve.
 *
 * ```
 * rate        ┌──── hold
 *        ramp╱
 *           ╱
 * ─ ─ ─ ─ ─╱
 *  fromMs  toMs
 * ```
 */
export interface Ramp {
  /** Name of the stage, and of its window `load:<name>`. */
  readonly name: string;
  readonly fromMs: number;
  /** Exclusive, greater than `fromMs`. */
  readonly toMs: number;
  /** Arrivals per second, ≥ 0; 0 in a closed loop, whose rate is not known in advance. */
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
  /** Users of a closed loop, changing linearly; absent in an open loop. */
  readonly fromUsers?: number;
  readonly toUsers?: number;
}

/**
 * Open-loop arrival process: determined by rate and seed, independent of how the service responds. Each is a unit-rate renewal
 * process whose gaps are mapped through the inverse of the cumulative rate (time rescaling), so its mean follows the rate exactly.
 *
 * - `constant`: evenly spaced in cumulative rate; a window [a, b) contains the integral of the rate, to within one arrival
 * - `poisson`: a non-homogeneous Poisson process, as independent users produce
 * - `gamma`: gaps with the coefficient of variation `cv`; 1 equals `poisson`, above 1 is burstier, below 1 is more regular
 */
export type OpenProcess = 'constant' | 'poisson' | { readonly kind: 'gamma'; readonly cv: number };

/**
 * Arrival process of a load: an {@link OpenProcess}, the times of a recorded trace, or `closed`: users who pause after each
 * response for a think time drawn uniformly between two bounds. A closed loop slows down with the service: users wait while it
 * stalls, and the requests that they would have sent are missing from every latency and error ratio. It shows what a fixed number
 * of users experience; use an open loop to find the capacity of a service.
 */
export type ArrivalProcess =
  | OpenProcess
  | { readonly kind: 'trace' }
  | { readonly kind: 'closed'; readonly thinkTimeMs: readonly [number, number] };

/** Name of a process: `poisson`, `gamma`, `closed`, … */
export function processName(process: ArrivalProcess): string {
  return typeof process === 'string' ? process : process.kind;
}

/**
 * Lazy, ascending sequence of scheduled arrivals in ms; deterministic for given arguments and seed.
 * @param ramps contiguous and ascending
 */
export function* arrivalTimes(ramps: readonly Ramp[], process: OpenProcess, random: Random): Generator<number> {
  const gaps = gapsOf(process, random);
  // Position in cumulative arrivals; each ramp owns the slice [offset, offset + expected).
  let position = gaps.first();
  let offset = 0;
  for (const ramp of ramps) {
    const expected = expectedArrivals(ramp);
    while (position < offset + expected - 1e-9) {
      yield timeOfArrival(ramp, position - offset);
      position += gaps.next();
    }
    offset += expected;
  }
}

function gapsOf(process: OpenProcess, random: Random): Gaps {
  if (process === 'constant') return { first: () => 0, next: () => 1 };
  if (process !== 'poisson') return gammaGaps(process.cv, random);
  // Exponential gaps are memoryless, so the first needs no correction.
  const next = () => random.exponential(1);
  return { first: next, next };
}

/** Expected number of arrivals of a ramp: the integral of its rate. */
export function expectedArrivals(ramp: Ramp): number {
  return ((ramp.fromPerSecond + ramp.toPerSecond) / 2) * ((ramp.toMs - ramp.fromMs) / 1000);
}

/** Solves `r0·t + (r1−r0)·t²/2T = count` for t, in the form that is numerically stable for a nearly constant rate. */
function timeOfArrival(ramp: Ramp, count: number): number {
  const seconds = (ramp.toMs - ramp.fromMs) / 1000;
  const slope = (ramp.toPerSecond - ramp.fromPerSecond) / seconds;
  const root = Math.sqrt(Math.max(0, ramp.fromPerSecond ** 2 + 2 * slope * count));
  // Rounding can leave a count just below 0 after a pause.
  const t = count <= 0 ? 0 : (2 * count) / (ramp.fromPerSecond + root);
  return ramp.fromMs + Math.min(t, seconds) * 1000;
}

/** Ramp that covers `atMs`, or the last one that began before it; undefined before the first. */
export function rampAt(ramps: readonly Ramp[], atMs: number): Ramp | undefined {
  let low = 0;
  let high = ramps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ramps[middle]!.fromMs <= atMs) low = middle + 1;
    else high = middle;
  }
  return ramps[low - 1];
}

/** Stages of a load: consecutive ramps of one name merged, from the rate of the first to that of the last. */
export function stagesOf(ramps: readonly Ramp[]): Ramp[] {
  const stages: Ramp[] = [];
  for (const ramp of ramps) {
    const last = stages.at(-1);
    if (last?.name !== ramp.name) stages.push(ramp);
    else stages[stages.length - 1] = { ...ramp, fromMs: last.fromMs, ...startOf(last) };
  }
  return stages;
}

function startOf({ fromPerSecond, fromUsers }: Ramp): Partial<Ramp> {
  return { fromPerSecond, ...(fromUsers === undefined ? {} : { fromUsers }) };
}

/** Length and {@link hashArrivals} of a sequence, in constant memory. */
export function digestArrivals(times: Iterable<number>): { readonly count: number; readonly sha256: string } {
  const hash = createHash('sha256');
  const block = new Float64Array(4096);
  let count = 0;
  for (const time of times) {
    block[count % block.length] = time;
    count += 1;
    if (count % block.length === 0) hash.update(Buffer.from(block.buffer));
  }
  hash.update(Buffer.from(block.buffer, 0, 8 * (count % block.length)));
  return { count, sha256: hash.digest('hex') };
}

/** SHA-256 (hex) over the times as little-endian doubles; equal exactly for equal schedules. */
export function hashArrivals(times: Iterable<number>): string {
  return digestArrivals(times).sha256;
}
