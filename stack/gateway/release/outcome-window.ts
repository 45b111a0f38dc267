/** What became of the requests of a version within a time. */
export interface Tally {
  readonly requests: number;
  /** Those of them that failed. */
  readonly failed: number;
  /** Streamed requests with a first token, and those of them whose first token was too late. */
  readonly timed: number;
  readonly slow: number;
}

type Bucket = { -readonly [K in keyof Tally]: number } & { readonly index: number };

/** Buckets of the shortest window, so that what leaves a window does so in steps of a tenth of it at most. */
const BUCKETS_PER_WINDOW = 10;

/** Outcomes of requests over time, in buckets. */
export class OutcomeWindow {
  readonly #bucketMs: number;
  readonly #keptBuckets: number;
  #buckets: Bucket[] = [];

  /** @param windowsMs all windows that {@link within} is called with */
  constructor(windowsMs: readonly number[]) {
    this.#bucketMs = Math.min(...windowsMs) / BUCKETS_PER_WINDOW;
    this.#keptBuckets = Math.ceil(Math.max(...windowsMs) / this.#bucketMs);
  }

  /** Adds outcomes. */
  add(outcome: Partial<Tally>, nowMs: number): void {
    const index = Math.floor(nowMs / this.#bucketMs);
    let bucket = this.#buckets.at(-1);
    if (bucket?.index !== index) {
      bucket = { index, requests: 0, failed: 0, timed: 0, slow: 0 };
      const oldest = index - this.#keptBuckets;
      this.#buckets = [...this.#buckets.filter(other => other.index > oldest), bucket];
    }
    for (const field of ['requests', 'failed', 'timed', 'slow'] as const) bucket[field] += outcome[field] ?? 0;
  }

  /** Sum over the last `windowMs`. */
  within(windowMs: number, nowMs: number): Tally {
    const oldest = Math.floor((nowMs - windowMs) / this.#bucketMs);
    const sum = { requests: 0, failed: 0, timed: 0, slow: 0 };
    for (const bucket of this.#buckets) {
      if (bucket.index <= oldest) continue;
      for (const field of ['requests', 'failed', 'timed', 'slow'] as const) sum[field] += bucket[field];
    }
    return sum;
  }

  /** Forgets everything. */
  clear(): void {
    this.#buckets = [];
  }
}
