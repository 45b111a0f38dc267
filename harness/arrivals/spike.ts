import type { RateSegment } from './arrivals.ts';

/** A burst over a base rate. */
export interface Spike {
  readonly basePerSecond: number;
  readonly peakPerSecond: number;
  /** How long it takes to rise and to fall, ≥ 0; together at most the whole duration. */
  readonly riseMs: number;
  readonly fallMs: number;
}

/**
 * A burst as segments; the rate afterwards is the base again.
 *
 * ```
 *           ┌──────┐ peak
 *          ╱        ╲
 *  base ──╱          ╲──
 *        rise      fall
 * ```
 */
export function spikeSegments(name: string, fromMs: number, forMs: number, spike: Spike): RateSegment[] {
  const { basePerSecond, peakPerSecond, riseMs, fallMs } = spike;
  const topMs = fromMs + riseMs;
  const endMs = fromMs + forMs;
  return [
    { name, fromMs, toMs: topMs, fromPerSecond: basePerSecond, toPerSecond: peakPerSecond },
    { name, fromMs: topMs, toMs: endMs - fallMs, fromPerSecond: peakPerSecond, toPerSecond: peakPerSecond },
    { name, fromMs: endMs - fallMs, toMs: endMs, fromPerSecond: peakPerSecond, toPerSecond: basePerSecond },
  ].filter(segment => segment.toMs > segment.fromMs);
}
