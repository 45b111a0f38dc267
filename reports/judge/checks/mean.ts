import { observed } from '../../explain.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { GAUGES, type Gauge, gaugeSeries, unreported } from '../gauges.ts';
import { BOUNDED, doubtIn } from './gauge.ts';

interface MeanObjective extends Objective {
  readonly gauge: Gauge;
}

/** `mean(gpu) <= 80%`, `mean(gpu) >= 65%`: the mean of the readings of all replicas that were ready, over a window. */
export const check = checkOf<MeanObjective>({
  kind: 'mean',
  words: ['mean'],
  parse(statement) {
    const gauge = statement.oneOf(BOUNDED, 'a gauge');
    return { gauge, ...statement.limit(GAUGES[gauge].unit === '%' ? '%' : '') };
  },
  needsGauges: true,
  judge,
});

/**
 * Each reading counts alike, so that a replica counts for as long as it was ready. As an observation of the whole window it has no
 * confidence interval; readings are one second apart. A pass requires what one of the largest reading does.
 */
function judge(objective: MeanObjective, { window, run }: Evidence): Finding {
  const all = gaugeSeries(objective.gauge, run.events, window.fromMs, window.toMs);
  const seen = all.flatMap(({ readings }) =>
    readings.flatMap(({ value, atMs }) => (value === null ? [] : [{ value, atMs }])),
  );
  if (seen.length === 0) return undecided('inconclusive', unreported(objective.gauge, run.events));
  const mean = seen.reduce((sum, { value }) => sum + value, 0) / seen.length;
  const found = { measured: mean, lower: mean, upper: mean, samples: seen.length };
  const verdict = verdictOf(objective, found);
  const readings = `The mean of ${seen.length} readings of ${all.length} ${all.length === 1 ? 'replica' : 'replicas'}`;
  const result = observed(objective, { measured: mean, verdict }, readings);
  const doubt = doubtIn(all, seen);
  if (doubt) return { ...found, verdict: 'inconclusive', reason: `${result}, but ${doubt}.` };
  return { ...found, verdict, reason: `${result}.` };
}
