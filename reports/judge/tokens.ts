import type { Requests } from '../../harness/requests.ts';
import type { Columns } from '../store/requests/chunk-columns.ts';
import { folded } from './folds/folding.ts';

/** Equal parts of the timeline, one after the other from `fromMs`. */
export interface Parts {
  readonly fromMs: number;
  readonly partMs: number;
  readonly count: number;
}

/**
 * Output tokens in each of the parts: those of a response are spread evenly from its first to its last token, since only their number
 * is recorded. A single token, or all at once, is an instant.
 */
export class TokenCounter {
  readonly counts: number[];
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.counts = new Array<number>(parts.count).fill(0);
  }

  /** Counts those of some rows. @param rows ascending. @default all */
  addRows(columns: Columns, rows?: readonly number[]): void {
    const { fromMs, partMs, count } = this.#parts;
    const [firstMs, lastMs] = [columns.values('firstTokenMs'), columns.values('lastTokenMs')];
    const [endMs, tokens] = [columns.values('endMs'), columns.values('outputTokens')];
    const length = rows?.length ?? columns.rows;
    for (let nth = 0; nth < length; nth += 1) {
      const row = rows ? rows[nth]! : nth;
      const beginMs = firstMs[row]!;
      if (Number.isNaN(beginMs)) continue;
      const stopMs = Math.max(Number.isNaN(lastMs[row]) ? endMs[row]! : lastMs[row]!, beginMs + 1e-3);
      const first = Math.max(0, Math.floor((beginMs - fromMs) / partMs));
      for (let i = first; i < count && fromMs + i * partMs < stopMs; i += 1) {
        const overlapMs = Math.min(stopMs, fromMs + (i + 1) * partMs) - Math.max(beginMs, fromMs + i * partMs);
        if (overlapMs > 0) this.counts[i]! += (tokens[row]! * overlapMs) / (stopMs - beginMs);
      }
    }
  }
}

/** Output tokens of requests in each of the parts. */
export function tokensIn(parts: Parts, records: Requests): number[] {
  const counter = new TokenCounter(parts);
  return folded({ visit: columns => counter.addRows(columns), result: () => counter.counts }, records);
}
