import { createHash } from 'node:crypto';
import type { Random } from './random.ts';

/**
 * A stretch of the offered load, over which the rate goes linearly from `fromPerSecond` to `toPerSecond`.
 *
 * ```
 * rate        ┌──── hold
 *        ramp╱
 *           ╱
 * ─ ─ ─ ─ ─╱
 *  fromMs  toMs
 * ```
 */
export interface RateSegment {
  /** Stage name; also names the window `load:<name>`. */
  readonly name: string;
  readonly fromMs: number;
  /** Exclusive, greater than `fromMs`. */
  readonly toMs: number;
  /** Arrivals per second, ≥ 0. */
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
}

/**
 * `constant` spaces arrivals evenly in cumulated rate, so that every window [a, b) holds the integral of the rate over it,
 * to within one arrival. `poisson` draws a non-homogeneous Poisson process of the same rate (by time rescaling: unit-rate
 * exponential gaps through the inverse of the cumulated rate), as independent users produce it.
 */
export type ArrivalProcess = 'constant' | 'poisson';

/**
 * The scheduled arrivals in ms, ascending, as a lazy sequence; the same for the same arguments and seed.
 * @param segments contiguous and ascending
 */
export function* arrivalTimes(
  segments: readonly RateSegment[],
  process: ArrivalProcess,
  random: Random,
): Generator<number> {
  // Position in cumulated arrivals; each segment owns a slice [offset, offset + expected).
  let position = process === 'constant' ? 0 : random.exponential(1);
  let offset = 0;
  for (const segment of segments) {
    const expected = expectedArrivals(segment);
    while (position < offset + expected - 1e-9) {
      yield timeOfArrival(segment, position - offset);
      position += process === 'constant' ? 1 : random.exponential(1);
    }
    offset += expected;
  }
}

/** The integral of the segment's rate: how many arrivals it offers on average (a real number). */
export function expectedArrivals(segment: RateSegment): number {
  return ((segment.fromPerSecond + segment.toPerSecond) / 2) * ((segment.toMs - segment.fromMs) / 1000);
}

/** Solves `r0·t + (r1−r0)·t²/2T = count` for t, in the form that stays exact when the rate hardly changes. */
function timeOfArrival(segment: RateSegment, count: number): number {
  const seconds = (segment.toMs - segment.fromMs) / 1000;
  const slope = (segment.toPerSecond - segment.fromPerSecond) / seconds;
  const root = Math.sqrt(Math.max(0, segment.fromPerSecond ** 2 + 2 * slope * count));
  const t = count === 0 ? 0 : (2 * count) / (segment.fromPerSecond + root);
  return segment.fromMs + Math.min(t, seconds) * 1000;
}

/** The segment that covers `atMs`, or the last one that began before it; undefined before the first. */
export function segmentAt(segments: readonly RateSegment[], atMs: number): RateSegment | undefined {
  return segments.findLast(segment => segment.fromMs <= atMs);
}

/** Offered arrivals per second at an instant; 0 outside all segments. */
export function rateAt(segments: readonly RateSegment[], atMs: number): number {
  const segment = segments.find(s => s.fromMs <= atMs && atMs < s.toMs);
  if (!segment) return 0;
  const share = (atMs - segment.fromMs) / (segment.toMs - segment.fromMs);
  return segment.fromPerSecond + share * (segment.toPerSecond - segment.fromPerSecond);
}

/** SHA-256 (hex) over the times as little-endian doubles: two schedules are the same exactly when their hashes are. */
export function hashArrivals(times: readonly number[]): string {
  return createHash('sha256')
    .update(Buffer.from(Float64Array.from(times).buffer))
    .digest('hex');
}
