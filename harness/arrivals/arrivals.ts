import { createHash } from 'node:crypto';
import type { Random } from '../random.ts';
import { constantGaps } from './constant.ts';
import { gammaGaps } from './gamma.ts';
import type { Gaps } from './gaps.ts';
import { poissonGaps } from './poisson.ts';

/**
 * A stretch of the offered load, over which the rate goes linearly from `fromPerSecond` to `toPerSecond`. Segments that follow
 * each other under one name are one stage: curves are made of many.
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
  /** Arrivals per second, ≥ 0; 0 in a closed loop, whose rate nobody knows beforehand. */
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
  /** Users of a closed loop, going linearly from the one to the other; absent otherwise. */
  readonly fromUsers?: number;
  readonly toUsers?: number;
}

/**
 * Arrivals that a rate and a seed decide, whatever the service does (an open loop). Each is a unit-rate renewal process whose
 * gaps go through the inverse of the cumulated rate (time rescaling), so its mean follows the rate exactly.
 *
 * - `constant` spaces arrivals evenly in cumulated rate: every window [a, b) holds the integral of the rate, to within one
 * - `poisson` draws a non-homogeneous Poisson process, as independent users produce it
 * - `gamma` has gaps whose coefficient of variation is `cv`: 1 is `poisson`, above it comes in bursts, below it is more even
 */
export type OpenProcess = 'constant' | 'poisson' | { readonly kind: 'gamma'; readonly cv: number };

/**
 * How requests come: an {@link OpenProcess}, the times of a recorded trace, or `closed`: users who think for a while, drawn evenly
 * between the bounds, after each answer. A closed loop slows down with the service: when that stalls, so do its users, and the
 * requests that others would have sent meanwhile are missing from every latency and every error ratio. It shows what so many
 * users experience; for what a service bears, use an open one.
 */
export type ArrivalProcess =
  | OpenProcess
  | { readonly kind: 'trace' }
  | { readonly kind: 'closed'; readonly thinkTimeMs: readonly [number, number] };

/** `poisson`, `gamma`, `closed`, …: the process in one word. */
export function processName(process: ArrivalProcess): string {
  return typeof process === 'string' ? process : process.kind;
}

/**
 * The scheduled arrivals in ms, ascending, as a lazy sequence; the same for the same arguments and seed.
 * @param segments contiguous and ascending
 */
export function* arrivalTimes(
  segments: readonly RateSegment[],
  process: OpenProcess,
  random: Random,
): Generator<number> {
  const gaps = gapsOf(process, random);
  // Position in cumulated arrivals; each segment owns a slice [offset, offset + expected).
  let position = gaps.first();
  let offset = 0;
  for (const segment of segments) {
    const expected = expectedArrivals(segment);
    while (position < offset + expected - 1e-9) {
      yield timeOfArrival(segment, position - offset);
      position += gaps.next();
    }
    offset += expected;
  }
}

function gapsOf(process: OpenProcess, random: Random): Gaps {
  if (process === 'constant') return constantGaps();
  return process === 'poisson' ? poissonGaps(random) : gammaGaps(process.cv, random);
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
  // Rounding may leave a count just below 0 behind a pause.
  const t = count <= 0 ? 0 : (2 * count) / (segment.fromPerSecond + root);
  return segment.fromMs + Math.min(t, seconds) * 1000;
}

/** The segment that covers `atMs`, or the last one that began before it; undefined before the first. */
export function segmentAt(segments: readonly RateSegment[], atMs: number): RateSegment | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.fromMs <= atMs) low = middle + 1;
    else high = middle;
  }
  return segments[low - 1];
}

/** The stages that segments make up: neighbours of one name are joined, from the rate of the first to that of the last. */
export function stagesOf(segments: readonly RateSegment[]): RateSegment[] {
  const stages: RateSegment[] = [];
  for (const segment of segments) {
    const last = stages.at(-1);
    if (last?.name !== segment.name) stages.push(segment);
    else stages[stages.length - 1] = { ...segment, fromMs: last.fromMs, ...beginning(last) };
  }
  return stages;
}

function beginning({ fromPerSecond, fromUsers }: RateSegment): Partial<RateSegment> {
  return { fromPerSecond, ...(fromUsers === undefined ? {} : { fromUsers }) };
}

/** How many times a sequence has, and {@link hashArrivals} of them, in constant memory. */
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

/** SHA-256 (hex) over the times as little-endian doubles: two schedules are the same exactly when their hashes are. */
export function hashArrivals(times: Iterable<number>): string {
  return digestArrivals(times).sha256;
}
