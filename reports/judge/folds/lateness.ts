import type { RequestRecord } from '../../../harness/requests.ts';
import { Known } from './known.ts';

/** Limit of the P99 send lateness in ms; beyond it the generator was the bottleneck. */
export const MAX_LATE_P99_MS = 100;

/** Counts requests that were sent, and those of them that were sent late. */
export class LateCounter {
  sent = 0;
  late = 0;

  add({ sentMs, scheduledMs }: RequestRecord): void {
    if (sentMs === null) return;
    this.sent += 1;
    if (sentMs - scheduledMs > MAX_LATE_P99_MS) this.late += 1;
  }

  merge(other: LateCounter): void {
    this.sent += other.sent;
    this.late += other.late;
  }
}

/** Lateness of requests. */
export const LATENESS = new Known<LateCounter>(requests => {
  const counter = new LateCounter();
  requests.forEach(request => {
    counter.add(request);
  });
  return counter;
});
