import { type BucketRule, type BucketState, levelAt, type TakeResult, take } from './bucket.ts';

const SWEEP_MS = 10_000;

/** Buckets of one gateway. Full ones are removed within 10 s. */
export class LocalBuckets {
  readonly #states = new Map<string, { readonly rule: BucketRule; readonly state: BucketState }>();
  #sweptMs = 0;

  /** {@link take} at `nowMs` (monotonic, rounded down). `names`: bucket names, in the order of the rules. */
  take(names: readonly string[], rules: readonly BucketRule[], nowMs: number): TakeResult {
    const now = Math.floor(nowMs);
    if (now - this.#sweptMs >= SWEEP_MS) this.#sweep(now);
    const states = names.map(name => this.#states.get(name)?.state);
    return take(rules, states, now, (index, state) => this.#states.set(names[index]!, { rule: rules[index]!, state }));
  }

  /** Number of buckets with state. */
  get size(): number {
    return this.#states.size;
  }

  #sweep(now: number): void {
    this.#sweptMs = now;
    for (const [name, { rule, state }] of this.#states)
      if (levelAt(rule, state, now) === rule.burst * rule.periodMs) this.#states.delete(name);
  }
}
