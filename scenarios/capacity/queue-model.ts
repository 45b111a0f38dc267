/** When a step that begins with an empty queue can show a wait. */
export interface QueuedStep {
  /** Wait at which a request is too slow, in ms. */
  readonly slackMs: number;
  /** Begin and end of what counts, in ms since a queue could begin to grow. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Distance and range of ln(load / edge) at which odds are computed; between them they are interpolated. */
const STEP = 0.02;
const LOWEST = -1;
const HIGHEST = 3;
/** Greatest log odds that are told apart. */
const MAX_ODDS = 12;

/** Log odds of {@link shownRatio} by ln(load / edge): no request of a short step is more likely to be too slow. */
export function shownOdds(
  slope: number,
  allowed: number,
  { slackMs, fromMs, toMs }: QueuedStep,
): (load: number) => number {
  const odds = Float64Array.from({ length: Math.round((HIGHEST - LOWEST) / STEP) + 2 }, (_, index) => {
    const ratio = shownRatio(LOWEST + index * STEP, slope, allowed, fromMs / slackMs, toMs / slackMs);
    return Math.max(-MAX_ODDS, Math.min(MAX_ODDS, Math.log(ratio / (1 - ratio))));
  });
  return load => {
    if (load < LOWEST) return MAX_ODDS;
    const place = (Math.min(load, HIGHEST) - LOWEST) / STEP;
    const whole = Math.floor(place);
    return odds[whole]! + (place - whole) * (odds[whole + 1]! - odds[whole]!);
  };
}

/**
 * Ratio of requests of a step that are too slow, where the queue is empty when the step begins:
 *
 * ```
 * wait
 *   │- - - - - - - - - - - - -╱- - slack: too slow above it
 *   │          overload    ╱
 *   │                   ╱ ╲╱╲╱      a step that ends before the wait has grown
 *   │           ╱╲╱╲╱╲╱             to the slack does not show the overload
 *   └────┬──────────────┬─────▶
 *     warm-up          end
 * ```
 *
 * The backlog is a Brownian motion with a drift, reflected at 0 (Harrison, "Brownian Motion and Stochastic Flow Systems", 1985, section
 * 1.8). Its drift and variance follow from the edge, where just the allowed ratio is too slow in the long run, and from the slope of the
 * log odds there: the steeper, the less it scatters. Without scatter, an overload of slack / length stays hidden.
 * @param log ln(load / edge)
 * @param slope of the log odds of a request that is too slow over ln(load) at the edge
 * @param allowed ratio of requests that may be too slow
 * @param from begin of what counts, since the first arrival, in slacks @param to its end
 * @returns 0…1
 */
export function shownRatio(log: number, slope: number, allowed: number, from: number, to: number): number {
  const exponent = Math.log(1 / allowed);
  const reserve = reserveOf(slope, allowed);
  const load = Math.exp(log) / (1 + reserve);
  const drift = load - 1;
  const variance = (2 * reserve * load) / exponent;
  const power = (2 * drift) / variance;
  let sum = 0;
  for (let part = 0; part < PARTS; part += 1) {
    const at = from + ((to - from) * (part + 0.5)) / PARTS;
    const deviation = Math.sqrt(variance * at);
    const above = normalCdf((drift * at - 1) / deviation);
    sum += above + Math.exp(Math.min(MAX_POWER, power)) * normalCdf((-1 - drift * at) / deviation);
  }
  return Math.min(1, sum / PARTS);
}

/** Greatest capacity over the edge, minus 1. */
const MAX_RESERVE = 3;

/** Ratio by which the capacity exceeds the edge, of a queue whose log odds of a request that is too slow have a slope there. */
export function reserveOf(slope: number, allowed: number): number {
  const exponent = Math.log(1 / allowed);
  return Math.min(MAX_RESERVE, slope > exponent ? exponent / (slope - exponent) : MAX_RESERVE);
}

/** Points of a step at which the backlog is taken. */
const PARTS = 8;
const MAX_POWER = 600;

/** Abramowitz & Stegun, "Handbook of Mathematical Functions", 26.2.17, with an error below 1e-7; in the tail, by Mills' ratio. */
export function normalCdf(z: number): number {
  if (z < -6) return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / -z) * (1 - 1 / (z * z));
  if (z > 0) return 1 - normalCdf(-z);
  const t = 1 / (1 - 0.2316419 * z);
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}
