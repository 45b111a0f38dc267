import { type BucketRule, type BucketState, levelAt, type Taken, take } from './bucket.ts';

const SWEEP_MS = 10_000;

/** The buckets of one gateway alone. Those that are full again are forgotten within 10 s. */
export class LocalBuckets {
  readonly #states = new Map<string, { readonly rule: BucketRule; readonly state: BucketState }>();
  #sweptMs = 0;

  /** {@link take} at `nowMs` (monotonic, fractions are cut). @param names of the buckets, in the order of the rules */
  take(names: readonly string[], rules: readonly BucketRule[], nowMs: number): Taken {
    const now = Math.floor(nowMs);
    if (now - this.#sweptMs >= SWEEP_MS) this.#sweep(now);
    const states = names.map(name => this.#states.get(name)?.state);
    return take(rules, states, now, (index, state) => this.#states.set(names[index]!, { rule: rules[index]!, state }));
  }

  /** How many are remembered. */
  get size(): number {
    return this.#states.size;
  }

  #sweep(now: number): void {
    this.#sweptMs = now;
    for (const [name, { rule, state }] of this.#states)
      if (levelAt(rule, state, now) === rule.burst * rule.periodMs) this.#states.delete(name);
  }
}
