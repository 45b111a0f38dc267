import type { RequestRecord, Requests } from '../../harness/requests.ts';

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

  add({ firstTokenMs, lastTokenMs, endMs, outputTokens }: RequestRecord): void {
    if (firstTokenMs === null) return;
    const { fromMs, partMs, count } = this.#parts;
    const stopMs = Math.max(lastTokenMs ?? endMs, firstTokenMs + 1e-3);
    const first = Math.max(0, Math.floor((firstTokenMs - fromMs) / partMs));
    for (let i = first; i < count && fromMs + i * partMs < stopMs; i += 1) {
      const overlapMs = Math.min(stopMs, fromMs + (i + 1) * partMs) - Math.max(firstTokenMs, fromMs + i * partMs);
      if (overlapMs > 0) this.counts[i]! += (outputTokens * overlapMs) / (stopMs - firstTokenMs);
    }
  }
}

/** Output tokens of requests in each of the parts. */
export function tokensIn(parts: Parts, records: Requests): number[] {
  const counter = new TokenCounter(parts);
  records.forEach(record => {
    counter.add(record);
  });
  return counter.counts;
}
