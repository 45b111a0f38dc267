import type { Random } from '../../../harness/random.ts';
import type { Estimate } from '../../store/variants-document.ts';

const RESAMPLES = 2000;
const LEVEL = 0.95;
/** Of values most of which are equal, such as counts, many resamples have no spread: their error is at least this part of that of all. */
export const MIN_ERROR_RATIO = 0.25;
/** With fewer values too many resamples have no spread. */
export const MIN_VALUES = 4;

/**
 * Mean of independent values with a two-sided 95 % interval by the studentised bootstrap (Efron & Tibshirani, An Introduction to the
 * Bootstrap, §12.5), which unlike that of percentiles nearly keeps its level with ten values, also where they are skewed. There are no bounds
 * with fewer than {@link MIN_VALUES} values; equal ones are their own interval.
 */
export function meanInterval(values: readonly number[], random: Random): Estimate {
  const { mean, error } = momentsOf(values);
  const samples = values.length;
  if (!Number.isFinite(mean) || samples < MIN_VALUES) return { mean, lower: null, upper: null, samples };
  if (error === 0) return { mean, lower: mean, upper: mean, samples };
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const drawn = momentsOf(values.map(() => random.pick(values)));
    return (drawn.mean - mean) / Math.max(drawn.error, MIN_ERROR_RATIO * error);
  }).sort((a, b) => a - b);
  const tail = Math.floor((RESAMPLES * (1 - LEVEL)) / 2);
  const [lowest, highest] = [ratios[tail]!, ratios[RESAMPLES - 1 - tail]!];
  return { mean, lower: mean - highest * error, upper: mean - lowest * error, samples };
}

/** Mean and its standard error; 0 for equal values. @param values at least two */
export function momentsOf(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  // Equal values have a spread of rounding errors.
  const isEqual = values.every(value => value === values[0]);
  return { mean: isEqual ? values[0]! : mean, error: isEqual ? 0 : Math.sqrt(squares / (count - 1) / count) };
}
