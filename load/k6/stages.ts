import type { RateSegment } from '../../harness/arrivals/arrivals.ts';
import { type Share, WHOLE } from '../../harness/segment.ts';

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

/** Offered after the last arrival, at rate 0: k6 may otherwise end before it starts an iteration that is due at the very end. */
const TAIL_MS = 200;

/**
 * The segments of a plan as k6's executor takes them: whole rates and whole milliseconds, a jump between segments as a stage of no
 * length. A rate is rounded to 1/3600 a second. Of a curve's thousands of short segments the ends are rounded, not the lengths, so
 * that what one gets too much its neighbour lacks.
 */
export function k6Ramp(segments: readonly RateSegment[]): K6Ramp {
  const startRate = hourly(segments[0]?.fromPerSecond ?? 0);
  const stages: K6Stage[] = [];
  let rate = startRate;
  for (const segment of [...segments, SILENCE]) {
    const from = hourly(segment.fromPerSecond);
    if (from !== rate) stages.push({ target: from, durationMs: 0 });
    rate = hourly(segment.toPerSecond);
    stages.push({ target: rate, durationMs: Math.round(segment.toMs) - Math.round(segment.fromMs) });
  }
  return { startRate, stages };
}

const SILENCE: RateSegment = { name: '', fromMs: 0, toMs: TAIL_MS, fromPerSecond: 0, toPerSecond: 0 };

function hourly(perSecond: number): number {
  return Math.round(perSecond * 3600);
}

/**
 * When k6 starts its iterations, in ms after its executor began: the instants at which the cumulated rate reaches 1, 2, 3, …
 * (`cal` of k6's `lib/executor/ramping_arrival_rate.go`, which begins with 1 where `arrivalTimes` begins with 0).
 * @param share of the iterations: k6 deals them in turn to equal execution segments (`lib/execution_segment.go`), as {@link Share} does
 */
export function* k6Ticks({ startRate, stages }: K6Ramp, { first, step }: Share = WHOLE): Generator<number> {
  const perMs = (hourlyRate: number) => hourlyRate / 3_600_000;
  let from = perMs(startRate);
  let count = first + 1;
  let done = 0;
  let end = 0;
  let startMs = 0;
  for (const { target, durationMs } of stages) {
    const to = perMs(target);
    end += durationMs * ((from + to) / 2);
    // k6 compares without tolerance, in other units; an iteration due at the last instant of a stage belongs to one of the two.
    for (; count <= end + 1e-9; count += step) {
      const root = Math.sqrt(Math.max(0, from * from + (2 * (count - done) * (to - from)) / durationMs));
      yield startMs + (2 * (count - done)) / (from + root);
    }
    done = end;
    from = to;
    startMs += durationMs;
  }
}
