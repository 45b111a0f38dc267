import { formatMs } from '../harness/quantity.ts';
import type { Window } from '../harness/windows.ts';
import type { Limit } from './judge/statement.ts';
import type { Verdict } from './store/run-document.ts';

/** Figures that decide a verdict. */
interface Figures {
  readonly measured: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly samples?: number;
  readonly verdict: Verdict;
}

/** Beyond this many times its length nobody makes a window longer. */
const MAX_FACTOR = 20;

/**
 * Sentence that explains a verdict by its bounds. Where they leave it open, it says how much longer the window must be: the distance
 * of a bound from the value shrinks with the square root of the samples, so that the sentence holds if the value stays.
 * @param subject such as `p99(ttft)` or `errors (3 of 545 requests)`
 * @param window in which the samples arise; undefined where its length does not decide how many there are
 */
export function explain(
  { limit, unit }: Limit,
  found: Figures,
  subject: string,
  window?: Pick<Window, 'fromMs' | 'toMs'>,
): string {
  const interval = `The confidence interval of ${subject}, ${intervalText(found, unit)},`;
  const of = `the limit of ${valueText(limit, unit)}`;
  if (found.verdict === 'pass') return `${interval} meets ${of}.`;
  if (found.verdict === 'fail') return `${interval} misses ${of}.`;
  return `${interval} includes ${of}: undecided.${remedy(limit, found, window)}`;
}

/**
 * Clause that explains a verdict by a value without an interval: `the largest of 257 values, 34.2 ms, misses the limit of 32.5 ms`.
 * @param subject what the value is
 */
export function observed(
  { limit, unit }: Limit,
  { measured, verdict }: { readonly measured: number; readonly verdict: Verdict },
  subject: string,
): string {
  return `${subject}, ${valueText(measured, unit)}, ${verdict === 'pass' ? 'meets' : 'misses'} the limit of ${valueText(limit, unit)}`;
}

/** What would decide: a longer window, or another limit where the value is too close to this one; empty where neither is known. */
function remedy(
  limit: number,
  { measured, lower, upper, samples }: Figures,
  window: Pick<Window, 'fromMs' | 'toMs'> | undefined,
): string {
  const bound = measured !== null && measured > limit ? lower : upper;
  if (measured === null || bound === null || !Number.isFinite(bound) || !Number.isFinite(measured)) return '';
  const factor = ((bound - measured) / (limit - measured)) ** 2;
  if (!(factor <= MAX_FACTOR)) return ' The value is so close to the limit that only another limit would decide.';
  const more = 1.1 * factor;
  const count = samples === undefined ? '' : `about ${roundUp(samples * more)} samples instead of ${samples}`;
  const lengthMs = window && window.toMs - window.fromMs;
  const length = lengthMs && `a window of ${formatMs(roundUp(lengthMs * more))} instead of ${formatMs(lengthMs)}`;
  const both = [count, length].filter(Boolean).join(', ');
  return ` If the value stays, ${both} would decide.`;
}

/** The confidence interval in words, `380 ms to 455 ms`. */
export function intervalText({ lower, upper }: Pick<Figures, 'lower' | 'upper'>, unit: string): string {
  if (lower === null && upper === null) return 'without bounds';
  if (lower === null) return `up to ${valueText(upper!, unit)}`;
  if (upper === null) return `${valueText(lower, unit)} and more`;
  return `${valueText(lower, unit)} to ${valueText(upper, unit)}`;
}

/** A value with its unit, three significant digits; what failed before it had the value is beyond every other. */
function valueText(value: number, unit: string): string {
  if (!Number.isFinite(value)) return 'beyond every value';
  return unit === 'ms' ? formatMs(value) : `${Number(value.toPrecision(3))}${unit === '$' ? ' $' : unit}`;
}

/** To two significant digits. */
function roundUp(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.ceil(value / step) * step;
}
