import { formatMs } from '../../../harness/quantity.ts';
import { requestsIn } from '../../../harness/windows.ts';
import { intervalText } from '../../explain.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { bundledRemark, undecidedBy } from '../delivery.ts';
import { judgedSamples, type Measure, measureOf, measureText, remarks, survivorsOf } from '../measure.ts';
import { LATENCIES, percentileOf, type QuantileEstimate, quantileEstimate, samplesOf } from '../samples.ts';
import type { Statement } from '../statement.ts';
import { LEVEL, samplesForUpperBound } from '../statistics.ts';

interface SlowdownObjective extends Objective, Measure {
  /** Between 0 and 100, both excluded. */
  readonly percentile: number;
  /** Window to compare with the baseline. */
  readonly window: string;
  /** Difference in ms that is permitted whatever the ratio; null for none. */
  readonly allowed: number | null;
}

/** `slowdown(p99(latency), fault:kill) <= 3`, `… <= 3 or 250 ms`: ratio of a window's latency to that of the baseline. */
export const check = checkOf<SlowdownObjective>({
  kind: 'slowdown',
  words: ['slowdown'],
  parse: statement => ({ ...argumentOf(statement), ...statement.atMostOr('ms') }),
  latencies: ({ metric }) => [metric],
  minRequests: ({ percentile }) => bothBounds(percentile),
  comparesBaseline: true,
  window: ({ window }) => window,
  judge,
});

function argumentOf(statement: Statement) {
  const given = statement.required('a quantile and a window, such as (p99(latency), fault:kill),');
  const [, name = '', metric = '', window = ''] = /^([^(),]*)\(([^()]*)\)\s*,(.*)$/.exec(given) ?? [];
  const percentile = percentileOf(name.trim());
  const measure = measureOf(metric);
  if (percentile === null || percentile <= 0 || percentile >= 100 || !measure)
    throw statement.badArgument(
      given,
      `a quantile such as p99(latency) of ${LATENCIES.join(', ')}, a comma and a window`,
    );
  if (!/^(fault|load|recovery):/.test(window.trim()))
    throw statement.badArgument(window, 'a window after the quantile: fault:<id>, load:<stage> or recovery:<id>');
  return { percentile, ...measure, window: window.trim() };
}

/** Level of the bounds of each of the two quantiles, so that both hold at {@link LEVEL} (Bonferroni). */
export const EACH_LEVEL = 1 - (1 - LEVEL) / 2;

/**
 * Quantile of a window over the same quantile of the baseline, with bounds that assume nothing about either distribution:
 *
 * ```
 * baseline   ├─lower──upper─┤                            lower = lower(window) / upper(baseline)
 * window                  ├─lower────upper─┤             upper = upper(window) / lower(baseline)
 * ```
 *
 * A bound is wrong only if one of its two ends is, each with at most 2.5 %, so it holds at 95 % (Bonferroni). The intervals of both
 * quantiles are distribution-free, so that of the ratio is wide rather than wrong. With an allowance the objective is met if either
 * the ratio or the difference is within its limit: the bounds of the difference follow from the same four ends, and need no further
 * correction.
 *
 * In the window, a request that failed or was dropped without the value is slower than every other. In the baseline only those with a
 * value count: what fails there would excuse what is slow later.
 */
function judge(objective: SlowdownObjective, { requests, run }: Evidence): Finding {
  const { percentile, metric, allowed, comparison } = objective;
  const q = percentile / 100;
  const baseline = run.windows.find(({ name }) => name === 'baseline');
  if (!baseline) return undecided('inconclusive', 'The run has no baseline.');
  const usual = requestsIn(baseline, run.records);
  const buffered = undecidedBy(metric, requests) ?? undecidedBy(metric, usual);
  if (buffered) return undecided('inconclusive', buffered, requests.length);
  const before = quantileEstimate(samplesOf(metric, usual), q, EACH_LEVEL);
  const during = quantileEstimate(judgedSamples(objective, requests), q, EACH_LEVEL);
  const survivors = survivorsOf(objective, requests, having => ratioOf(having.at(q), before.measured));
  const samples = Math.min(before.samples, during.samples);
  const found = { ...combined(during, before, ratioOf), samples };
  const byRatio = verdictOf(objective, found);
  const more = combined(during, before, (a, b) => a - b);
  const byDifference = allowed === null ? 'fail' : verdictOf({ comparison, limit: allowed }, more);
  const verdict =
    [byRatio, byDifference].find(one => one === 'pass') ?? (byRatio === byDifference ? byRatio : 'inconclusive');
  const reason = reasonOf(objective, { before, during, verdict, byRatio, ratio: found });
  const beside = survivors && { ...survivors, measured: samplesOf(metric, requests).at(q) };
  const rest = remarks(objective, requests, nameOf(objective), beside) + bundledRemark(metric, requests);
  return { ...found, verdict, survivors, reason: `${reason}${rest}` };
}

function nameOf(objective: SlowdownObjective): string {
  return `p${objective.percentile}(${measureText(objective)})`;
}

function ratioOf(during: number | null, before: number | null): number | null {
  return during === null || before === null || before <= 0 ? null : during / before;
}

/** Applies a function of two quantiles that increases with the first and decreases with the second; null without a value. */
function combined(
  during: QuantileEstimate,
  before: QuantileEstimate,
  of: (during: number, before: number) => number | null,
): Pick<Finding, 'measured' | 'lower' | 'upper'> {
  const both = (a: number | null, b: number | null) => (a === null || b === null ? null : of(a, b));
  return {
    measured: both(during.measured, before.measured),
    lower: both(during.lower, before.upper),
    upper: both(during.upper, before.lower),
  };
}

function valueText(valueMs: number | null): string {
  return valueMs === Number.POSITIVE_INFINITY ? 'beyond every value' : formatMs(valueMs!);
}

interface Judged {
  readonly before: QuantileEstimate;
  readonly during: QuantileEstimate;
  readonly verdict: Finding['verdict'];
  readonly byRatio: Finding['verdict'];
  readonly ratio: Pick<Finding, 'lower' | 'upper'>;
}

/** Minimum requests for both bounds of a quantile at {@link EACH_LEVEL}. */
function bothBounds(percentile: number): number {
  return Math.max(...[percentile, 100 - percentile].map(p => samplesForUpperBound(p / 100, EACH_LEVEL)));
}

function reasonOf(objective: SlowdownObjective, judged: Judged): string {
  const { percentile, window, allowed, limit } = objective;
  const { before, during, verdict, byRatio, ratio } = judged;
  const what = nameOf(objective);
  const bounds = [before.lower, before.upper, during.lower, during.upper];
  if (verdict === 'inconclusive' && bounds.includes(null)) {
    return `Too few samples: both bounds of ${what} require ${bothBounds(percentile)} requests; ${window} has ${during.samples} and the baseline ${before.samples}.`;
  }
  const result = `${what} is ${valueText(during.measured)} in ${window} and ${formatMs(before.measured!)} in the baseline: the confidence interval of`;
  const interval = `${result} their ratio, ${intervalText(ratio, '')},`;
  const of = `the limit of ${limit}`;
  const alternative = allowed === null ? '' : `, and that of their difference`;
  if (verdict === 'fail')
    return `${interval} misses ${of}${alternative && `${alternative} is over ${formatMs(allowed!)}`}.`;
  if (verdict === 'pass' && byRatio === 'pass') return `${interval} meets ${of}.`;
  if (verdict === 'pass') return `${result} their difference is within the permitted ${formatMs(allowed!)}.`;
  const open = `undecided. A longer ${window}, and a longer baseline before it, would decide.`;
  if (byRatio === 'inconclusive') return `${interval} includes ${of}: ${open}`;
  return `${result} their difference includes the permitted ${formatMs(allowed!)}: ${open}`;
}
