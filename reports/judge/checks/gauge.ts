import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { GAUGES, type Gauge, type GaugeSeries, gaugeSeries } from '../gauges.ts';
import { LATENCIES } from '../samples.ts';

interface GaugeObjective extends Objective {
  readonly gauge: Gauge;
}

/** A process's memory has no natural limit, its growth has. */
const BOUNDED = (Object.keys(GAUGES) as Gauge[]).filter(gauge => gauge !== 'memory');

/** `max(queue) <= 10`, `max(gpu-memory) <= 90%`: the largest reading of any replica. */
export const check = checkOf<GaugeObjective>({
  kind: 'gauge',
  words: ['max'],
  reads: ({ name, argument }) => name === 'max' && !LATENCIES.some(latency => latency === argument),
  parse(statement) {
    const gauge = statement.oneOf([...LATENCIES, ...BOUNDED], 'a latency or a gauge') as Gauge;
    return { gauge, ...statement.atMost(GAUGES[gauge].unit === '%' ? '%' : '') };
  },
  format: ({ gauge }, limit) => `max(${gauge}) ${limit}`,
  needsGauges: true,
  line({ gauge, unit }) {
    if (gauge === 'queue') return { chart: 'queue', name: 'fullest' };
    return unit === '%' ? { chart: 'percent', name: gauge } : undefined;
  },
  judge,
});

/** Rounds of samples that a window needs before its largest reading can pass. */
export const ROUNDS_LEAST = 5;
/** Share of the rounds in which a replica was ready and told nothing, above which nothing passes; one round is always allowed. */
const SILENT_RATIO = 0.1;

/**
 * The largest reading of a gauge over all replicas. It is an observation, a reading a second, and has no confidence interval:
 * both bounds are the value itself, and between two readings it may have been higher. One reading over the limit fails. A
 * pass needs five rounds of samples, and replicas that answered while they were ready: a queue that is long because its
 * replica hangs is not seen, and must not count as short.
 */
function judge(objective: GaugeObjective, { window, run }: Evidence): Finding {
  const all = gaugeSeries(objective.gauge, run.events, window.fromMs, window.toMs);
  const seen = all.flatMap(({ replica, readings }) =>
    readings.flatMap(({ value, atMs }) => (value === null ? [] : [{ replica, value, atMs }])),
  );
  if (seen.length === 0) return undecided('inconclusive', `No replica told its ${objective.gauge} in the window.`);
  const most = seen.reduce((a, b) => (b.value > a.value ? b : a));
  const found = { measured: most.value, lower: most.value, upper: most.value, samples: seen.length };
  const verdict = verdictOf(objective, found);
  const told = `The largest of ${seen.length} readings of ${all.length} ${all.length === 1 ? 'replica' : 'replicas'} (${most.replica}) ${verdict === 'pass' ? 'meets' : 'misses'} the objective`;
  if (verdict !== 'pass') return { ...found, verdict, reason: `${told}.` };
  const doubt = tooFew(seen) ?? silence(all);
  if (doubt) return { ...found, verdict: 'inconclusive', reason: `${told}, but ${doubt}.` };
  return { ...found, verdict, reason: `${told}; it is what was seen, with nothing known between two readings.` };
}

function tooFew(seen: readonly { readonly atMs: number }[]): string | null {
  const rounds = new Set(seen.map(({ atMs }) => atMs)).size;
  return rounds < ROUNDS_LEAST ? `${ROUNDS_LEAST} rounds of samples are needed and the window has ${rounds}` : null;
}

/** Tells of a replica that was ready and silent too often; null if none was. */
function silence(all: readonly GaugeSeries[]): string | null {
  for (const { replica, readings } of all) {
    const silent = readings.filter(({ value }) => value === null).length;
    if (silent > Math.max(1, SILENT_RATIO * readings.length))
      return `${replica} told nothing in ${silent} of ${readings.length} rounds in which it was ready`;
  }
  return null;
}
