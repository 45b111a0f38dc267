import type { PosteriorGrid } from './posterior-grid.ts';
import { normalCdf } from './queue-model.ts';

/** Whether a service kept up with its arrivals, in the second half of a step. */
export interface Growth {
  /** Requests in flight at its end, less those in its middle. */
  readonly requests: number;
  readonly arrivals: number;
  /** Requests in flight of a service that takes as long as for the first ones of the step. */
  readonly served: number;
  /** Rate of the arrivals over that of the step. */
  readonly loadRatio: number;
}

/** Variances of what is served in a time in which a request is on average, summed out. */
const VARIANCES = [0.06, 0.12, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];
/** Ratio of steps that may have any result. */
const WRONG_RATIO = 0.02;
/** Growth as a ratio of the arrivals, beyond which only that it is at least as much counts: an overload may make a service faster or slower. */
const MAX_RATIO = 0.3;
/** Mean growth at the edge, from half of a step to its end, in standard deviations of what is served in that: (2 − √2) / √π of a reflected Brownian motion. */
const CRITICAL_GROWTH = 0.33;
/** Slope of the log odds of a lag over ln(value), where nothing is known of its growth. */
const SLOPE = 20;
/** Standard deviations of growth that are plain. */
const PLAIN = 3;

/** Whether the requests in flight grew by more than chance. */
export function isPlain({ requests, arrivals, served }: Growth): boolean {
  return requests > PLAIN * Math.sqrt(arrivals + 2 * served);
}

/**
 * Where the load is what a service can do: the requests in flight of a step above it grow by what exceeds it, those of a step below it
 * do not, but for the scatter of a queue, which is the greater the nearer to the edge. Arrivals are counted, not those that were planned, so that
 * their scatter adds nothing. A short step shows an overload so long before an SLO does.
 */
export class LagPosterior {
  readonly #grid: PosteriorGrid;
  /** Of each variance, the log likelihood by edge. */
  readonly #logs: readonly Float64Array[];
  #hasLag = false;

  constructor(grid: PosteriorGrid) {
    this.#grid = grid;
    this.#logs = VARIANCES.map(() => new Float64Array(grid.points));
  }

  /** @param hasLag whether the step was over-saturated, or its lag grew; only that counts without a growth */
  add(value: number, growth: Growth | undefined, hasLag: boolean): void {
    this.#hasLag ||= hasLag || (growth !== undefined && isPlain(growth));
    const shift = growth ? Math.log(growth.loadRatio) : 0;
    for (const [index, variance] of VARIANCES.entries()) {
      const row = this.#logs[index]!;
      for (let point = 0; point < row.length; point += 1) {
        const load = this.#grid.loadAt(value, point) + shift;
        row[point]! += growth ? growthLog(growth, load, variance) : lagLog(load, hasLag);
      }
    }
  }

  /** Whether any step lagged: otherwise the edge is beyond all that was tried. */
  get hasLag(): boolean {
    return this.#hasLag;
  }

  weights(): Float64Array {
    return this.#grid.weightsOf(this.#logs);
  }
}

function lagLog(load: number, hasLag: boolean): number {
  return Math.log((1 - WRONG_RATIO) / (1 + Math.exp(SLOPE * (hasLag ? -load : load))) + WRONG_RATIO / 2);
}

/** Log likelihood of a growth at ln(load / edge): normal, around the overload. */
function growthLog({ requests, arrivals, served }: Growth, load: number, variance: number): number {
  const overload = 1 - Math.exp(-load);
  const scatter = (2 * CRITICAL_GROWTH * Math.sqrt(variance)) / Math.sqrt(arrivals);
  const mean = (arrivals * (overload + Math.hypot(overload, scatter))) / 2;
  const free = Math.sqrt(variance * arrivals);
  // A queue in its steady state differs from itself by √2 of its standard deviation, however long the step is.
  const queued = overload < 0 ? Math.min(free, (variance * Math.exp(load)) / (Math.SQRT2 * -overload)) : free;
  const deviation = Math.sqrt(queued ** 2 + 2 * Math.min(served, arrivals) + 1);
  const most = MAX_RATIO * arrivals;
  if (requests >= most) return Math.log((1 - WRONG_RATIO) * normalCdf((mean - most) / deviation) + WRONG_RATIO / 2);
  const density = Math.exp(-0.5 * ((requests - mean) / deviation) ** 2) / (deviation * Math.sqrt(2 * Math.PI));
  return Math.log((1 - WRONG_RATIO) * density + WRONG_RATIO / arrivals);
}
