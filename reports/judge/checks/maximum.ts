import { checkOf, type Evidence, type Finding, type Objective, verdictOf } from '../check.ts';
import { LATENCIES, type LatencyMetric, samplesOf, withoutSample } from '../samples.ts';

interface MaximumObjective extends Objective {
  readonly metric: LatencyMetric;
}

/** `max(ttft) < 2 s`: the largest value. */
export const check = checkOf<MaximumObjective>({
  kind: 'maximum',
  words: ['max'],
  reads: ({ name, argument }) => name === 'max' && LATENCIES.some(latency => latency === argument),
  parse: statement => ({ metric: statement.oneOf(LATENCIES, 'a latency'), ...statement.atMost('ms') }),
  latencies: ({ metric }) => [metric],
  line: ({ metric }) => (metric === 'itl' ? undefined : { chart: metric, name: 'max' }),
  judge,
});

/**
 * A statement about the requests of this window only, not about the service: a maximum has no confidence interval, and grows with the
 * number of requests. Both bounds are therefore the value itself.
 */
function judge(objective: MaximumObjective, evidence: Evidence): Finding {
  const samples = samplesOf(objective.metric, evidence.requests);
  const measured = samples.at(1);
  const bounds = { lower: measured, upper: measured };
  const verdict = verdictOf(objective, bounds);
  const reason =
    measured === null
      ? 'No request of the window yielded a value.'
      : `The largest of ${samples.total} values ${verdict === 'pass' ? 'meets' : 'misses'} the objective.`;
  return {
    measured,
    ...bounds,
    samples: samples.independent,
    verdict,
    reason: reason + withoutSample(objective.metric, evidence.requests),
  };
}
