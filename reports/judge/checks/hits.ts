import { sampleIntervalMs } from '../../../harness/metrics.ts';
import { observed } from '../../explain.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { CACHES, type Cache, cacheUse } from '../counters.ts';
import { unreported } from '../gauges.ts';

interface HitsObjective extends Objective {
  readonly cache: Cache;
}

/**
 * `hits(prefix-cache) <= 10%`: the ratio of prompt tokens that engines took from their prefix caches. `hits(response-cache) >= 95%`: the ratio
 * of requests that gateways served from their cache.
 */
export const check = checkOf<HitsObjective>({
  kind: 'hits',
  words: ['hits'],
  parse: statement => ({
    cache: statement.oneOf(['prefix-cache', 'response-cache'], 'a cache'),
    ...statement.limit('%'),
  }),
  needsGauges: true,
  judge,
});

/**
 * Engines count every token and gateways every request, so there is no sampling error: both bounds are the value itself. The count covers the
 * window and the round of samples after it.
 */
function judge(objective: HitsObjective, { window, run }: Evidence): Finding {
  const { cache } = objective;
  const use = cacheUse(run.events, window.fromMs, window.toMs + sampleIntervalMs(run.plan), cache);
  if (!use) return undecided('inconclusive', unreported(`${cache} hits`, run.events));
  const percent = (100 * use.hits) / use.queries;
  const found = { measured: percent, lower: percent, upper: percent, samples: use.queries };
  const verdict = verdictOf(objective, found);
  const reason = `${observed(objective, { measured: percent, verdict }, `The share of ${CACHES[cache].what} (${use.hits} of ${use.queries})`)}.`;
  return { ...found, verdict, reason };
}
