import { formatPercent } from '../../rounding.ts';
import { type Check, type Evidence, explain, type Finding, verdictOf } from '../check.ts';
import type { LatencyMetric, QuantileObjective } from '../objective.ts';
import { samplesOf, yieldsSample } from '../samples.ts';
import { quantileRanks, samplesForUpperBound } from '../statistics.ts';

const WHAT: Readonly<Record<LatencyMetric, string>> = {
  ttft: 'a first token',
  itl: 'a gap between tokens',
  latency: 'a whole answer',
};

/**
 * A quantile with its distribution-free interval. The ranks come from the number of independent samples; for gaps, of which
 * one request yields many, they are carried over to the pooled gaps as shares (rank u of n is the quantile u/n).
 *
 * Only requests that yielded a sample count: what failed before its first token has no time to one. The reason says how many
 * those are, and an objective on `errors` judges them.
 */
export const checkQuantile: Check<QuantileObjective> = (objective, evidence) => {
  const q = objective.percentile / 100;
  const samples = samplesOf(objective.metric, evidence.requests);
  const count = samples.independent;
  const ranks = quantileRanks(count, q);
  const at = (rank: number | null) => (rank === null ? null : samples.at(rank / count));
  const found = { measured: samples.at(q), lower: at(ranks.lower), upper: at(ranks.upper), samples: count };
  const verdict = verdictOf(objective, found);
  const needed = samplesForUpperBound(q);
  const few = verdict === 'inconclusive' && ranks.upper === null;
  const reason = few
    ? `Too few samples: p${objective.percentile} has no upper bound below ${needed} requests, the window has ${count}.`
    : explain(verdict, `p${objective.percentile}(${objective.metric})`);
  return { ...found, verdict, reason: `${reason}${withoutSample(objective.metric, evidence)}` } satisfies Finding;
};

/** Says how many requests of the window cannot be in the sample; empty for none. */
export function withoutSample(metric: LatencyMetric, { requests }: Evidence): string {
  const missing = requests.filter(request => !yieldsSample(metric, request)).length;
  if (missing === 0) return '';
  return ` ${missing} of ${requests.length} requests (${formatPercent(missing, requests.length)}) failed or ended without ${WHAT[metric]} and are not in it.`;
}
