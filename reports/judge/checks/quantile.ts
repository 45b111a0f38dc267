import { explain } from '../../explain.ts';
import { checkOf, type Evidence, type Finding, meets, type Objective, undecided, verdictOf } from '../check.ts';
import { bundledRemark, undecidedBy } from '../delivery.ts';
import { judgedSamples, type Measure, measureIn, measureText, missesIn, remarks, survivorsOf } from '../measure.ts';
import { percentileOf, quantileEstimate } from '../samples.ts';
import { samplesForUpperBound } from '../statistics.ts';

interface QuantileObjective extends Objective, Measure {
  /** Between 0 and 100, both excluded. */
  readonly percentile: number;
}

/** `p99(ttft) <= 800 ms`, `p95(ttft | completed) <= 400 ms`: percentile of a latency over the window's requests. */
export const check = checkOf<QuantileObjective>({
  kind: 'quantile',
  words: ['p50', 'p90', 'p95', 'p99', 'p99.9'],
  reads: ({ name, argument }) => percentileOf(name) !== null && argument !== 'user-throughput',
  parse(statement) {
    const percentile = percentileOf(statement.name)!;
    if (percentile <= 0 || percentile >= 100)
      throw statement.badName('a percentile between p0 and p100, both excluded (the largest value is max)');
    return { percentile, ...measureIn(statement), ...statement.atMost('ms') };
  },
  latencies: ({ metric }) => [metric],
  minRequests: ({ percentile }) => samplesForUpperBound(percentile / 100),
  line: ({ percentile, metric }) =>
    metric === 'ttft' || metric === 'latency' ? { chart: metric, name: `P${percentile}` } : undefined,
  tally: objective => ({
    allowedRatio: 1 - objective.percentile / 100,
    isBad: request => missesIn(objective, request, value => !meets(value, objective.comparison, objective.limit)),
  }),
  judge,
});

/**
 * Quantile with its distribution-free interval. A request that failed or was dropped before it had the value is slower than every other,
 * so that P95 cannot pass with more than 5 % of them; the reason states their number, and the quantile of those that have the value.
 */
function judge(objective: QuantileObjective, { requests, window }: Evidence): Finding {
  const { percentile } = objective;
  const buffered = undecidedBy(objective.metric, requests);
  if (buffered) return undecided('inconclusive', buffered, requests.length);
  const q = percentile / 100;
  const name = `p${percentile}(${measureText(objective)})`;
  const found = quantileEstimate(judgedSamples(objective, requests), q);
  const survivors = survivorsOf(objective, requests, samples => samples.at(q));
  const verdict = verdictOf(objective, found);
  const needed = samplesForUpperBound(q);
  const few = verdict === 'inconclusive' && found.upper === null;
  const reason = few
    ? `Too few samples: p${percentile} has no upper bound with fewer than ${needed} requests; the window has ${found.samples}.`
    : explain(objective, { ...found, verdict }, name, window);
  const rest = remarks(objective, requests, name, survivors) + bundledRemark(objective.metric, requests);
  return { ...found, verdict, survivors, reason: `${reason}${rest}` };
}
