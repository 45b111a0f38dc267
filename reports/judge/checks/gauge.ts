import { observed } from '../../explain.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { GAUGES, type Gauge, type GaugeSeries, gaugeSeries, unreported } from '../gauges.ts';
import { measureOf } from '../measure.ts';
import { LATENCIES } from '../samples.ts';

interface GaugeObjective extends Objective {
  readonly gauge: Gauge;
}

/** Gauges with a natural limit, which the memory of a process does not have; see `growth`. */
export const BOUNDED = (Object.keys(GAUGES) as Gauge[]).filter(gauge => gauge !== 'memory');

/** `max(queue) <= 10`, `max(gpu-memory) <= 90%`: the largest reading over all replicas. */
export const check = checkOf<GaugeObjective>({
  kind: 'gauge',
  words: ['max'],
  reads: ({ name, argument }) => name === 'max' && measureOf(argument) === undefined,
  parse(statement) {
    const gauge = statement.oneOf([...LATENCIES, ...BOUNDED], 'a latency or a gauge') as Gauge;
    return { gauge, ...statement.atMost(GAUGES[gauge].unit === '%' ? '%' : '') };
  },
  needsGauges: true,
  line({ gauge, unit }) {
    if (gauge === 'queue') return { chart: 'queue', name: 'fullest' };
    return unit === '%' ? { chart: 'percent', name: gauge } : undefined;
  },
  judge,
});

/** Minimum rounds of samples in a window for a pass. */
export const MIN_ROUNDS = 5;
/** Limit of the ratio of rounds in which a ready replica did not respond, for a pass; one such round is always allowed. */
const MAX_MISSING_RATIO = 0.1;

/**
 * The largest of the readings, which are one second apart. As an observation it has no confidence interval: both bounds are the value
 * itself, and between two readings it may have been higher. One reading beyond the limit fails. A pass requires five rounds of
 * samples, and replicas that responded while they were ready: the long queue of a hanging replica cannot be read, and must not count
 * as short.
 */
function judge(objective: GaugeObjective, { window, run }: Evidence): Finding {
  const all = gaugeSeries(objective.gauge, run.events, window.fromMs, window.toMs);
  const seen = all.flatMap(({ replica, readings }) =>
    readings.flatMap(({ value, atMs }) => (value === null ? [] : [{ replica, value, atMs }])),
  );
  if (seen.length === 0) return undecided('inconclusive', unreported(objective.gauge, run.events));
  const { value, replica } = seen.reduce((a, b) => (b.value > a.value ? b : a));
  const found = { measured: value, lower: value, upper: value, samples: seen.length };
  const verdict = verdictOf(objective, found);
  const readings = `The largest of ${seen.length} readings of ${all.length} ${all.length === 1 ? 'replica' : 'replicas'}`;
  const result = observed(objective, { measured: value, verdict }, `${readings} (${replica})`);
  if (verdict !== 'pass') return { ...found, verdict, reason: `${result}.` };
  const doubt = doubtIn(all, seen);
  if (doubt) return { ...found, verdict: 'inconclusive', reason: `${result}, but ${doubt}.` };
  return { ...found, verdict, reason: `${result}; values between two readings are unknown.` };
}

/** Clause on why readings are too few, or too incomplete, for a pass; null if they are not. */
export function doubtIn(all: readonly GaugeSeries[], seen: readonly { readonly atMs: number }[]): string | null {
  return tooFew(seen) ?? missingReadings(all);
}

function tooFew(seen: readonly { readonly atMs: number }[]): string | null {
  const rounds = new Set(seen.map(({ atMs }) => atMs)).size;
  return rounds < MIN_ROUNDS ? `the window has only ${rounds} rounds of samples; the minimum is ${MIN_ROUNDS}` : null;
}

/** Clause on the first replica that was ready and did not respond too often; null if there is none. */
function missingReadings(all: readonly GaugeSeries[]): string | null {
  for (const { replica, readings } of all) {
    const missing = readings.filter(({ value }) => value === null).length;
    if (missing > Math.max(1, MAX_MISSING_RATIO * readings.length))
      return `${replica} reported nothing in ${missing} of ${readings.length} rounds in which it was ready`;
  }
  return null;
}
