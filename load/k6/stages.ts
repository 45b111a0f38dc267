import type { Ramp } from '../../harness/arrivals/arrivals.ts';

/** A stage of k6's ramping-arrival-rate executor; `target` in iterations an hour, the unit in which rates are whole numbers. */
export interface K6Stage {
  readonly target: number;
  readonly durationMs: number;
}

/** How the executor of a plan ramps. Rates are arrivals an hour. */
export interface K6Ramp {
  readonly startRate: number;
  readonly stages: readonly K6Stage[];
}

const MS_PER_HOUR = 3_600_000;

/**
 * Offered after the plan: k6 counts a stage's time from before it has its users ready, and would end before it starts what is due at
 * the very end, or lose that to a rounding. It ends with its last iteration, so the tail takes no time. It holds 0.299 iterations, so
 * that no sum of usual rates and durations lies on the verge of one more.
 */
const TAIL = { perHour: 215, durationMs: 4999 };

/**
 * The ramps of a plan as k6's executor takes them: whole rates and whole milliseconds, a jump between ramps as a stage of no
 * length. A rate is rounded to 1/3600 a second. Of a curve's thousands of short ramps the ends are rounded, not the lengths, so
 * that what one gets too much its neighbour lacks.
 */
export function k6Ramp(ramps: readonly Ramp[]): K6Ramp {
  const startRate = hourly(ramps[0]?.fromPerSecond ?? 0);
  const stages: K6Stage[] = [];
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

/** How many iterations a ramp asks for: the integral of its rate, rounded down. */
export function iterationsIn({ startRate, stages }: K6Ramp): number {
  let from = startRate;
  let twice = 0;
  for (const { target, durationMs } of stages) {
    twice += (from + target) * durationMs;
    from = target;
  }
  return Math.floor(twice / (2 * MS_PER_HOUR));
}
