import { sampleIntervalMs } from '../../../harness/metrics.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { cacheUse } from '../counters.ts';
import { unreported } from '../gauges.ts';

/** `hits(prefix-cache) <= 10%`, `hits(prefix-cache) >= 80%`: the ratio of prompt tokens that engines took from their prefix caches. */
export const check = checkOf({
  kind: 'prefix-cache',
  words: ['hits'],
  parse(statement) {
    statement.oneOf(['prefix-cache'], 'a cache');
    return statement.limit('%');
  },
  needsGauges: true,
  judge,
});

/**
 * The engines count every token, so there is no sampling error: both bounds are the value itself. The count covers the window and the
 * round of samples after it.
 */
function judge(objective: Objective, { window, run }: Evidence): Finding {
  const use = cacheUse(run.events, window.fromMs, window.toMs + sampleIntervalMs(run.plan));
  if (!use) return undecided('inconclusive', unreported('prefix-cache hits', run.events));
  const percent = (100 * use.hits) / use.queries;
  const found = { measured: percent, lower: percent, upper: percent, samples: use.queries };
  const verdict = verdictOf(objective, found);
  const result = verdict === 'pass' ? 'meets' : 'misses';
  return {
    ...found,
    verdict,
    reason: `${use.hits} of ${use.queries} prompt tokens came from prefix caches, which ${result} the objective.`,
  };
}
