import type { Clock } from '../../harness/clock.ts';
import { every } from '../../harness/clock.ts';
import type { LoadProgress, RunningLoad } from '../../harness/contracts.ts';

/** What is known of a step beforehand, by which over-saturation is told. */
export interface WatchLimits {
  /** Tightest limit of an SLO on the time to first token, and on the latency, in ms; null without one. */
  readonly ttftMs: number | null;
  readonly latencyMs: number | null;
  /** Arrivals of the whole step, warm-up included. */
  readonly arrivals: number;
  /** Rate of arrivals, which go on whatever the service does; null for a closed loop, which has no lag. */
  readonly perSecond: number | null;
}

/** One look at a load. */
export interface LoadSample {
  /** Since its first look, in ms. */
  readonly atMs: number;
  /** Requests that arrived, were completed or failed, and are in flight. */
  readonly arrived: number;
  readonly ended: number;
  readonly inFlight: number;
  readonly dropped: number;
  readonly recentP99TtftMs: number | null;
}

const LOOK_MS = 1000;
/** Shortest time after which anything is concluded, in ms. */
const MIN_MS = 5000;
/** Growth of the requests in flight, in standard deviations of Poisson arrivals, and as a ratio of the arrivals. */
const MIN_SIGMAS = 4;
const MIN_GROWTH_RATIO = 0.1;
/** Recent P99 of the time to first token over its limit, throughout. */
const TTFT_FACTOR = 2;
/** Ratio of all arrivals, and number, that are too late already. */
const LATE_RATIO = 0.05;
const MIN_LATE = 20;

/**
 * Why a step need not go on, as a clause; undefined while it must. The requests in flight must have grown over the second half of the
 * time so far, plainly and by a tenth of the arrivals, and one of the SLOs must be lost by that: recent P99 of the time to first token
 * at twice its limit throughout, or one in twenty of all arrivals of the step in flight for longer than the limit of the latency, or
 * arrivals dropped.
 *
 * ```
 * in flight            ╱
 *               ╱ grown
 *   ╱‾‾‾‾‾‾‾‾╱
 *   0      half       now
 * ```
 */
export function overSaturation(samples: readonly LoadSample[], limits: WatchLimits): string | undefined {
  const now = samples.at(-1);
  if (limits.perSecond === null || !now || now.atMs < MIN_MS) return undefined;
  const half = samples.filter(({ atMs }) => atMs >= now.atMs / 2);
  const [first] = half;
  const arrived = now.arrived - first!.arrived;
  const grown = now.inFlight - first!.inFlight + (now.dropped - first!.dropped);
  if (grown < Math.max(MIN_SIGMAS * Math.sqrt(arrived), MIN_GROWTH_RATIO * arrived)) return undefined;
  const perSecond = (1000 * grown) / (now.atMs - first!.atMs);
  const lag = `the lag grows by ${Number(perSecond.toPrecision(2))} requests a second, to ${now.inFlight} in flight`;
  const { ttftMs, latencyMs, arrivals } = limits;
  const isSlow = (sample: LoadSample) => (sample.recentP99TtftMs ?? 0) >= TTFT_FACTOR * ttftMs!;
  if (ttftMs !== null && half.every(isSlow)) return lag;
  if (latencyMs !== null) {
    const due = samples.findLast(({ atMs }) => atMs <= now.atMs - latencyMs)?.arrived ?? 0;
    if (due - now.ended > Math.max(MIN_LATE, LATE_RATIO * arrivals)) return lag;
  }
  return now.dropped > 0 ? `${lag}, and ${now.dropped} arrivals were dropped` : undefined;
}

/**
 * Looks at a load every second from now on, and ends it once it is over-saturated, so that no GPU time is spent on what is known.
 * @param end called once, with the reason
 * @returns a function that ends the watch
 */
export function watchLoad(
  load: RunningLoad,
  clock: Clock,
  limits: WatchLimits,
  end: (why: string) => void,
): () => void {
  const samples: LoadSample[] = [];
  const beganMs = clock.nowMs();
  const stop = every(clock, LOOK_MS, () => {
    samples.push(sampleOf(load.progress(), clock.nowMs() - beganMs));
    const why = overSaturation(samples, limits);
    if (why === undefined) return;
    stop();
    end(why);
  });
  const ended = () => stop();
  load.done.then(ended, ended);
  return stop;
}

function sampleOf(
  { sent, completed, failed, dropped, inFlight, recentP99TtftMs }: LoadProgress,
  atMs: number,
): LoadSample {
  return { atMs, arrived: sent + dropped, ended: completed + failed, inFlight, dropped, recentP99TtftMs };
}
