import type { RequestRecord } from '../../harness/requests.ts';

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
export function tokensIn({ fromMs, partMs, count }: Parts, records: readonly RequestRecord[]): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const { firstTokenMs, lastTokenMs, endMs, outputTokens } of records) {
    if (firstTokenMs === null) continue;
    const stopMs = Math.max(lastTokenMs ?? endMs, firstTokenMs + 1e-3);
    const first = Math.max(0, Math.floor((firstTokenMs - fromMs) / partMs));
    for (let i = first; i < count && fromMs + i * partMs < stopMs; i += 1) {
      const overlapMs = Math.min(stopMs, fromMs + (i + 1) * partMs) - Math.max(firstTokenMs, fromMs + i * partMs);
      if (overlapMs > 0) counts[i]! += (outputTokens * overlapMs) / (stopMs - firstTokenMs);
    }
  }
  return counts;
}
