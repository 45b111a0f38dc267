import type { Requests } from '../../../harness/requests.ts';
import { requestsIn, type Window } from '../../../harness/windows.ts';
import { rounded } from '../../rounding.ts';
import type { DistributionCurve } from '../../store/run-document.ts';
import { judgedSamples } from '../measure.ts';
import { samplesOf } from '../samples.ts';

/** Windows of faults that are drawn, in order of time; more would not be told apart. */
const MAX_FAULTS = 4;
/** Points per factor of ten in the ratio of slower requests. */
const POINTS = 16;

/**
 * Percentile curves of time to first token and latency: of the baseline, of each fault, and of the whole run. As in an SLO, a request
 * that failed or was dropped without the value is slower than every other, so that a curve ends at the ratio of those that have one.
 */
export function distributionsOf(windows: readonly Window[], records: Requests): DistributionCurve[] {
  const faults = windows.filter(({ name }) => name.startsWith('fault:')).slice(0, MAX_FAULTS);
  const baseline = windows.filter(({ name }) => name === 'baseline' && faults.length > 0);
  const shown = [...baseline, ...faults, ...windows.filter(({ name }) => name === 'whole')];
  const parts = shown.map(window => ({ window: window.name, requests: requestsIn(window, records) }));
  return (['ttft', 'latency'] as const).flatMap(metric =>
    parts.map(({ window, requests }) => {
      const having = samplesOf(metric, requests).total;
      const all = judgedSamples({ metric }, requests);
      return { metric, window, without: all.total - having, having, points: pointsOf(all, having) };
    }),
  );
}

/** Points (q, value) of a curve up to the quantile of the slowest that has a value: dense where few are slower. */
function pointsOf(
  samples: { readonly total: number; at(q: number): number | null },
  having: number,
): [q: number, ms: number][] {
  if (having === 0) return [];
  const { total } = samples;
  const last = having / total;
  const steps = Math.ceil(Math.log10(total) * POINTS);
  const quantiles = Array.from({ length: steps + 1 }, (_, step) => 1 - 10 ** (-step / POINTS)).filter(q => q < last);
  return [...quantiles, last].map(q => [q, rounded(samples.at(Math.max(q, 1 / total))!)]);
}
