import { type Check, type Finding, verdictOf } from '../check.ts';
import { type GaugeSeries, gaugeSeries } from '../gauges.ts';
import type { GaugeObjective } from '../objective.ts';

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
export const checkGauge: Check<GaugeObjective> = (objective, { window, run }) => {
  const all = gaugeSeries(objective.gauge, run.events, window.fromMs, window.toMs);
  const seen = all.flatMap(({ replica, readings }) =>
    readings.flatMap(({ value, atMs }) => (value === null ? [] : [{ replica, value, atMs }])),
  );
  if (seen.length === 0) return nothing(`No replica told its ${objective.gauge} in the window.`);
  const most = seen.reduce((a, b) => (b.value > a.value ? b : a));
  const found = { measured: most.value, lower: most.value, upper: most.value, samples: seen.length };
  const verdict = verdictOf(objective, found);
  const told = `The largest of ${seen.length} readings of ${all.length} ${all.length === 1 ? 'replica' : 'replicas'} (${most.replica}) ${verdict === 'pass' ? 'meets' : 'misses'} the objective`;
  if (verdict !== 'pass') return { ...found, verdict, reason: `${told}.` };
  const doubt = tooFew(seen) ?? silence(all);
  if (doubt) return { ...found, verdict: 'inconclusive', reason: `${told}, but ${doubt}.` };
  return { ...found, verdict, reason: `${told}; it is what was seen, with nothing known between two readings.` };
};

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

function nothing(reason: string): Finding {
  return { measured: null, lower: null, upper: null, samples: 0, verdict: 'inconclusive', reason };
}
