import { observed } from '../../explain.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { bundledRemark, undecidedBy } from '../delivery.ts';
import { judgedSamples, type Measure, measureIn, measureOf, measureText, remarks, survivorsOf } from '../measure.ts';

interface MaximumObjective extends Objective, Measure {}

/** `max(ttft) < 2 s`: the largest value. */
export const check = checkOf<MaximumObjective>({
  kind: 'maximum',
  words: ['max'],
  reads: ({ name, argument }) => name === 'max' && measureOf(argument) !== undefined,
  parse: statement => ({ ...measureIn(statement), ...statement.atMost('ms') }),
  latencies: ({ metric }) => [metric],
  line: ({ metric }) => (metric === 'ttft' || metric === 'latency' ? { chart: metric, name: 'max' } : undefined),
  judge,
});

/**
 * A statement about the requests of this window only, not about the service: a maximum has no confidence interval, and grows with the
 * number of requests. Both bounds are therefore the value itself. A single request that failed or was dropped without the value is
 * slower than every other.
 */
function judge(objective: MaximumObjective, { requests }: Evidence): Finding {
  const buffered = undecidedBy(objective.metric, requests);
  if (buffered) return undecided('inconclusive', buffered, requests.length);
  const samples = judgedSamples(objective, requests);
  const survivors = survivorsOf(objective, requests, having => having.at(1));
  const measured = samples.at(1);
  const bounds = { lower: measured, upper: measured };
  const verdict = verdictOf(objective, bounds);
  const reason =
    measured === null
      ? 'No request of the window yielded a value.'
      : `${observed(objective, { measured, verdict }, `The largest of ${samples.total} values`)}.`;
  const name = `max(${measureText(objective)})`;
  const rest = remarks(objective, requests, name, survivors) + bundledRemark(objective.metric, requests);
  return { measured, ...bounds, samples: samples.independent, verdict, survivors, reason: reason + rest };
}
