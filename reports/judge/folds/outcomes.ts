import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import type { Columns } from '../../store/requests/chunk-columns.ts';
import { folded } from './folding.ts';
import { Known } from './known.ts';

/** Number of requests that ended alike. */
export interface OutcomeCount extends Pick<RequestRecord, 'outcome' | 'status'> {
  readonly count: number;
}

/** Counts requests by outcome and status. */
export class OutcomeCounter {
  readonly #counts = new Map<Outcome, Map<number, { outcome: Outcome; status: number; count: number }>>();
  #last = { outcome: 'ok' as Outcome, status: Number.NaN, count: 0 };

  add({ outcome, status }: Pick<RequestRecord, 'outcome' | 'status'>, count = 1): void {
    if (outcome !== this.#last.outcome || status !== this.#last.status) this.#last = this.#countOf(outcome, status);
    this.#last.count += count;
  }

  /** Counts the requests of some rows. */
  addRows(columns: Columns, from: number, to: number): void {
    const { texts } = columns;
    const [outcomes, statuses] = [columns.values('outcome'), columns.values('status')];
    for (let row = from; row < to; ) {
      const outcome = outcomes[row]!;
      const status = statuses[row]!;
      const first = row;
      while (row < to && outcomes[row] === outcome && statuses[row] === status) row += 1;
      this.add({ outcome: texts[outcome] as Outcome, status }, row - first);
    }
  }

  merge(other: OutcomeCounter): void {
    for (const one of other.counts()) this.add(one, one.count);
  }

  counts(): readonly OutcomeCount[] {
    return [...this.#counts.values()].flatMap(byStatus => [...byStatus.values()]);
  }

  #countOf(outcome: Outcome, status: number) {
    const byStatus = this.#counts.get(outcome) ?? new Map<number, OutcomeCount & { count: number }>();
    const found = byStatus.get(status) ?? { outcome, status, count: 0 };
    this.#counts.set(outcome, byStatus.set(status, found));
    return found;
  }
}

/** Number of requests in counts of those that pass a test. */
export function totalOf(counts: readonly OutcomeCount[], test: (one: OutcomeCount) => boolean = () => true): number {
  return counts.reduce((sum, one) => (test(one) ? sum + one.count : sum), 0);
}

/** How requests ended. */
export const OUTCOMES = new Known<readonly OutcomeCount[]>(requests => {
  const counter = new OutcomeCounter();
  return folded(
    { visit: columns => counter.addRows(columns, 0, columns.rows), result: () => counter.counts() },
    requests,
  );
});
