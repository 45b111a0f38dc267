import { checkOf, type Evidence, explain, type Finding, type Objective, verdictOf } from '../check.ts';
import { LATENCIES, type LatencyMetric, percentileOf, quantileEstimate, withoutSample } from '../samples.ts';
import { samplesForUpperBound } from '../statistics.ts';

interface QuantileObjective extends Objective {
  /** Between 0 and 100, both excluded. */
  readonly percentile: number;
  readonly metric: LatencyMetric;
}

/** `p99(ttft) <= 800 ms`: percentile of a latency over the window's requests. */
export const check = checkOf<QuantileObjective>({
  kind: 'quantile',
  words: ['p50', 'p90', 'p95', 'p99', 'p99.9'],
  reads: ({ name }) => percentileOf(name) !== null,
  parse(statement) {
    const percentile = percentileOf(statement.name)!;
    if (percentile <= 0 || percentile >= 100)
      throw statement.badName('a percentile between p0 and p100, both excluded (the largest value is max)');
    return { percentile, metric: statement.oneOf(LATENCIES, 'a latency'), ...statement.atMost('ms') };
  },
  latencies: ({ metric }) => [metric],
  line: ({ percentile, metric }) => (metric === 'itl' ? undefined : { chart: metric, name: `P${percentile}` }),
  judge,
});

/**
 * Quantile with its distribution-free interval. Requests without a sample do not count, such as those that failed before their first
 * token. The reason states their number, and an objective on `errors` judges them.
 */
function judge(objective: QuantileObjective, { requests }: Evidence): Finding {
  const { metric, percentile } = objective;
  const found = quantileEstimate(metric, requests, percentile / 100);
  const verdict = verdictOf(objective, found);
  const needed = samplesForUpperBound(percentile / 100);
  const few = verdict === 'inconclusive' && found.upper === null;
  const reason = few
    ? `Too few samples: p${percentile} has no upper bound with fewer than ${needed} requests; the window has ${found.samples}.`
    : explain(verdict, `p${percentile}(${metric})`);
  return { ...found, verdict, reason: `${reason}${withoutSample(metric, requests)}` };
}
