import { errorKind, isFailure, type RequestRecord } from '../../../harness/requests.ts';
import type { FailurePoint } from '../../store/run-document.ts';
import type { Folding } from '../folds/folding.ts';

/**
 * Failed and dropped requests of the load, in order of time. A request counts at its scheduled arrival, like the latencies of the
 * others, with the exception that windows make: one in flight when the injection of a fault began counts at that injection, since it
 * belongs to that fault. So the failures between a fault's injection and its recovery are those of its window.
 * @param injectionsMs instants at which the injection of a fault began
 */
export function failuresFold(endMs: number, injectionsMs: readonly number[]): Folding<FailurePoint[]> {
  const failures: FailurePoint[] = [];
  const visit = (record: RequestRecord) => {
    const { scheduledMs, outcome } = record;
    if (scheduledMs < 0 || scheduledMs >= endMs || !(isFailure(record) || outcome === 'dropped')) return;
    const during = injectionsMs.filter(ms => ms > scheduledMs && ms <= record.endMs && ms < endMs);
    failures.push({ atMs: Math.max(scheduledMs, ...during), kind: errorKind(record) });
  };
  return { visits: [visit], result: () => failures.sort((a, b) => a.atMs - b.atMs) };
}
