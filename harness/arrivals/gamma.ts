import type { Random } from '../random.ts';

/** Source of gaps between arrivals, in units of cumulative rate; their mean is 1. */
export interface Gaps {
  /** From the start of the load to the first arrival. */
  first(): number;
  next(): number;
}

/**
 * Gamma-distributed gaps with mean 1 and coefficient of variation `cv`: shape 1/cv², scale cv².
 *
 * The first gap is the residual of a gap that began before the load: length-biased (for a gamma distribution, of shape + 1) and cut
 * at a uniform point. The expected count of every window is then the integral of the rate; starting with a whole gap would be off
 * by (cv² − 1)/2 arrivals (Cox, Renewal Theory, §4 and §5.3).
 * @param cv > 0
 */
export function gammaGaps(cv: number, random: Random): Gaps {
  const scale = cv ** 2;
  const shape = 1 / scale;
  return {
    first: () => random.next() * scale * standardGamma(shape + 1, random),
    next: () => scale * standardGamma(shape, random),
  };
}

/**
 * Gamma variate of scale 1, by the method of Marsaglia and Tsang (ACM TOMS 26, 2000); for a shape below 1, a variate of shape + 1
 * times U^(1/shape).
 * @param shape > 0
 */
export function standardGamma(shape: number, random: Random): number {
  if (shape < 1) return standardGamma(shape + 1, random) * random.next() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const u = 1 - random.next();
    if (Math.log(u) < 0.5 * x ** 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}
