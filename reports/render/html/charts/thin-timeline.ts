import type { TimelineSeries } from '../../../store/run-document.ts';

/** Limit of the slots, as more points fit neither on a screen nor into a small file. */
const MAX_SLOTS = 600;

/**
 * Merges neighbouring slots until at most 600 remain, so that the report of a long run stays small. Problems are not averaged away: a
 * merged slot keeps the highest latency, the fewest ready replicas and the longest queue; rates are averaged. Failures remain as they are.
 */
export function thinTimeline(timeline: TimelineSeries): TimelineSeries {
  const factor = Math.ceil(timeline.offered.length / MAX_SLOTS);
  if (factor <= 1) return timeline;
  const { slotMs, ready, replicas, metrics, failures, inFlight, ...series } = timeline;
  // The `…Ms` series are latencies, the others rates.
  const foldOf = (name: string) => (name.endsWith('Ms') ? maximum : mean);
  return {
    ...thinned(series, factor, foldOf),
    slotMs: slotMs * factor,
    failures,
    ...thinned({ inFlight }, factor, () => maximum),
    ready: thinned(ready, factor, () => minimum),
    ...(replicas && { replicas: thinned(replicas, factor, name => (name === 'ready' ? minimum : maximum)) }),
    ...(metrics && { metrics: thinned(metrics, factor, () => maximum) }),
  };
}

type Fold = (known: readonly number[]) => number;
const maximum: Fold = known => Math.max(...known);
const minimum: Fold = known => Math.min(...known);
const mean: Fold = known => known.reduce((sum, value) => sum + value, 0) / known.length;

/** Folds each group of `factor` values of every series, without nulls; null for a group of nulls. */
function thinned<Series extends object>(series: Series, factor: number, foldOf: (name: string) => Fold): Series {
  const thin = ([name, values]: [string, readonly (number | null)[]]) => {
    const groups = Array.from({ length: Math.ceil(values.length / factor) }, (_, index) =>
      values.slice(index * factor, (index + 1) * factor).filter(value => value !== null),
    );
    return [name, groups.map(known => (known.length === 0 ? null : foldOf(name)(known)))];
  };
  return Object.fromEntries(Object.entries(series).map(thin)) as Series;
}
