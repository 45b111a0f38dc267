import type { RateSegment } from './arrivals.ts';

/** Straight pieces in a period: between them the rate is off by at most 0.14 % of the amplitude (1 − cos(π/60)). */
const CHORDS = 60;

/** A rate that swings like a day: mean + amplitude · sin(2π · (t/period + phase)). */
export interface Sinusoid {
  readonly meanPerSecond: number;
  /** 0…`meanPerSecond`. */
  readonly amplitudePerSecond: number;
  readonly periodMs: number;
  /** Where in its period it begins, as a share: 0 at the mean and rising, 0.25 at the peak, 0.75 at the trough. */
  readonly phase: number;
}

/**
 * A stage of a sinusoid as thin straight segments, which every engine can drive. Over whole periods their integral is that of
 * the curve exactly (the trapezium rule on equal steps of a sinusoid).
 */
export function sinusoidSegments(name: string, fromMs: number, forMs: number, curve: Sinusoid): RateSegment[] {
  const stepMs = curve.periodMs / CHORDS;
  const count = Math.max(1, Math.ceil(forMs / stepMs - 1e-9));
  const instant = (step: number) => (step === count ? forMs : step * stepMs);
  return Array.from({ length: count }, (_, step) => ({
    name,
    fromMs: fromMs + instant(step),
    toMs: fromMs + instant(step + 1),
    fromPerSecond: rateOf(curve, instant(step)),
    toPerSecond: rateOf(curve, instant(step + 1)),
  }));
}

function rateOf({ meanPerSecond, amplitudePerSecond, periodMs, phase }: Sinusoid, sinceMs: number): number {
  return Math.max(0, meanPerSecond + amplitudePerSecond * Math.sin(2 * Math.PI * (sinceMs / periodMs + phase)));
}
