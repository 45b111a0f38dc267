import type { Columns } from '../../store/requests/chunk-columns.ts';
import { folded } from './folding.ts';
import { Known } from './known.ts';

/** Limit of the P99 send lateness in ms; beyond it the generator was the bottleneck. */
export const MAX_LATE_P99_MS = 100;

/** Counts requests that were sent, and those of them that were sent late. */
export class LateCounter {
  sent = 0;
  late = 0;

  addRows(columns: Columns, from: number, to: number): void {
    const [scheduledMs, sentMs] = [columns.values('scheduledMs'), columns.values('sentMs')];
    for (let row = from; row < to; row += 1) {
      const lateMs = sentMs[row]! - scheduledMs[row]!;
      // Of one that was never sent it is NaN.
      if (lateMs > MAX_LATE_P99_MS) this.late += 1;
      if (!Number.isNaN(lateMs)) this.sent += 1;
    }
  }

  merge(other: LateCounter): void {
    this.sent += other.sent;
    this.late += other.late;
  }
}

/** Lateness of requests. */
export const LATENESS = new Known<LateCounter>(requests => {
  const counter = new LateCounter();
  return folded({ visit: columns => counter.addRows(columns, 0, columns.rows), result: () => counter }, requests);
});
