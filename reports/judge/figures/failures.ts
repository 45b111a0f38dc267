import { errorKind, type RequestRecord } from '../../../harness/requests.ts';
import { type Columns, textsThat } from '../../store/requests/chunk-columns.ts';
import type { FailurePoint } from '../../store/run-document.ts';
import type { Folding } from '../folds/folding.ts';
import { isFailureText } from '../folds/latencies.ts';

/**
 * Failed and dropped requests of the load, in order of time. A request counts at its scheduled arrival, like the latencies of the
 * others, with the exception that windows make: one in flight when the injection of a fault began counts at that injection, since it
 * belongs to that fault. So the failures between a fault's injection and its recovery are those of its window.
 * @param injectionsMs instants at which the injection of a fault began
 */
export function failuresFold(endMs: number, injectionsMs: readonly number[]): Folding<FailurePoint[]> {
  const failures: FailurePoint[] = [];
  const visit = (columns: Columns) => {
    const [outcomes, isFailed] = [columns.values('outcome'), textsThat(columns, isFailureText)];
    const isDropped = textsThat(columns, isDroppedText);
    for (let row = 0; row < columns.rows; row += 1)
      if (isFailed[outcomes[row]!] === 1 || isDropped[outcomes[row]!] === 1) add(columns.record(row));
  };
  const add = (record: RequestRecord) => {
    const { scheduledMs } = record;
    if (scheduledMs < 0 || scheduledMs >= endMs) return;
    const during = injectionsMs.filter(ms => ms > scheduledMs && ms <= record.endMs && ms < endMs);
    failures.push({ atMs: Math.max(scheduledMs, ...during), kind: errorKind(record) });
  };
  return { visit, result: () => failures.sort((a, b) => a.atMs - b.atMs) };
}

function isDroppedText(outcome: string): boolean {
  return outcome === 'dropped';
}
