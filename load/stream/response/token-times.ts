import { gapBucket } from '../../../harness/requests.ts';

/**
 * Arrival of the tokens of a response. What arrives in one read has one time: the gaps lie between reads only, since within one they
 * would show how fast this process reads.
 */
export class TokenTimes {
  lastMs: number | undefined;
  /** Reads with a token. */
  reads = 0;
  readonly #gaps = new Map<number, number>();

  /** Adds a token. @param atMs time of the read in which it arrived */
  add(atMs: number): void {
    if (atMs === this.lastMs) return;
    this.reads += 1;
    if (this.lastMs !== undefined) {
      const bucket = gapBucket(atMs - this.lastMs);
      this.#gaps.set(bucket, (this.#gaps.get(bucket) ?? 0) + 1);
    }
    this.lastMs = atMs;
  }

  /** Pairs of bucket and count. */
  get gaps(): number[] {
    return [...this.#gaps].flat();
  }
}
