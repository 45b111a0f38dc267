import type { Ramp } from './arrivals.ts';

/** Linear ramps per period: the rate deviates from the curve by at most 0.14 % of the amplitude (1 − cos(π/60)). */
const RAMPS_PER_PERIOD = 60;

/** Periodic rate, such as a daily cycle: mean + amplitude · sin(2π · (t/period + phase)). */
export interface Sinusoid {
  readonly meanPerSecond: number;
  /** 0…`meanPerSecond`. */
  readonly amplitudePerSecond: number;
  readonly periodMs: number;
  /** Phase at the start, 0–1: 0 at the mean and rising, 0.25 at the peak, 0.75 at the trough. */
  readonly phase: number;
}

/**
 * Stage with a sinusoidal rate as a series of short linear ramps, which every engine supports. Over whole periods their integral
 * equals that of the curve (trapezoidal rule with equal steps).
 */
export function sinusoidRamps(name: string, fromMs: number, forMs: number, curve: Sinusoid): Ramp[] {
  const stepMs = curve.periodMs / RAMPS_PER_PERIOD;
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
