import type { Ramp } from '../../harness/arrivals/arrivals.ts';

/** Options of k6's ramping-arrival-rate executor; rates are iterations per hour, the unit in which they are integers. */
export interface K6Ramp {
  readonly startRate: number;
  readonly stages: readonly { readonly target: number; readonly durationMs: number }[];
}

const MS_PER_HOUR = 3_600_000;

/**
 * Stage after the plan: k6 starts the clock of its stages before its users are ready, and would end before it starts the iterations
 * due at the very end, or lose one to rounding. k6 ends with its last iteration, so the tail takes no time. It adds 0.299 iterations,
 * so that no sum of usual rates and durations is close to an integer.
 */
const TAIL = { perHour: 215, durationMs: 4999 };

/**
 * Ramps of a plan as stages of k6's executor: integer rates and milliseconds, and a stage of no duration for a jump. Rates are rounded
 * to 1/3600 per second. Ends of ramps are rounded, not durations, so that errors do not add up over the thousands of ramps of a
 * curve.
 */
export function k6Ramp(ramps: readonly Ramp[]): K6Ramp {
  const startRate = hourly(ramps[0]?.fromPerSecond ?? 0);
  const stages: K6Ramp['stages'][number][] = [];
  let rate = startRate;
  for (const ramp of ramps) {
    const from = hourly(ramp.fromPerSecond);
    if (from !== rate) stages.push({ target: from, durationMs: 0 });
    rate = hourly(ramp.toPerSecond);
    stages.push({ target: rate, durationMs: Math.round(ramp.toMs) - Math.round(ramp.fromMs) });
  }
  stages.push({ target: TAIL.perHour, durationMs: 0 }, { target: TAIL.perHour, durationMs: TAIL.durationMs });
  return { startRate, stages };
}

function hourly(perSecond: number): number {
  return Math.round(perSecond * 3600);
}

/** Number of iterations: the integral of the rate, rounded down. */
export function iterationsIn({ startRate, stages }: K6Ramp): number {
  let from = startRate;
  let twice = 0;
  for (const { target, durationMs } of stages) {
    twice += (from + target) * durationMs;
    from = target;
  }
  return Math.floor(twice / (2 * MS_PER_HOUR));
}
