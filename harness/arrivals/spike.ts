import type { Ramp } from './arrivals.ts';

/** Spike over a base rate. */
export interface Spike {
  readonly basePerSecond: number;
  readonly peakPerSecond: number;
  /** Duration of the rise and of the fall, ≥ 0; their sum is at most the duration of the stage. */
  readonly riseMs: number;
  readonly fallMs: number;
}

/**
 * Stage with a spike, as linear ramps; it ends at the base rate.
 *
 * ```
 *           ┌──────┐ peak
 *          ╱        ╲
 *  base ──╱          ╲──
 *        rise      fall
 * ```
 */
export function spikeRamps(name: string, fromMs: number, forMs: number, spike: Spike): Ramp[] {
  const { basePerSecond, peakPerSecond, riseMs, fallMs } = spike;
  const topMs = fromMs + riseMs;
  const endMs = fromMs + forMs;
  return [
    { name, fromMs, toMs: topMs, fromPerSecond: basePerSecond, toPerSecond: peakPerSecond },
    { name, fromMs: topMs, toMs: endMs - fallMs, fromPerSecond: peakPerSecond, toPerSecond: peakPerSecond },
    { name, fromMs: endMs - fallMs, toMs: endMs, fromPerSecond: peakPerSecond, toPerSecond: basePerSecond },
  ].filter(ramp => ramp.toMs > ramp.fromMs);
}
