import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines } from '../forward/deadlines.ts';
import { GuardedCalls, UNAVAILABLE } from '../forward/guarded-calls.ts';
import type { CacheMetrics } from './cache-metrics.ts';
import type { CacheStore } from './store.ts';

interface GuardedParts {
  readonly store: CacheStore;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly metrics: CacheMetrics;
  readonly log: Logger;
}

/** A store that never costs a request more than `timeoutMs`, see {@link GuardedCalls}. */
export class GuardedStore {
  readonly #store: CacheStore;
  readonly #calls: GuardedCalls;

  constructor({ store, metrics, ...parts }: GuardedParts) {
    this.#store = store;
    this.#calls = new GuardedCalls({
      ...parts,
      what: 'cache',
      reconnect: () => store.reconnect(),
      onFailure: reason => metrics.storeFailures[reason].inc(),
      onEnd: seconds => metrics.storeSeconds.observe(seconds),
    });
  }

  open(): void {
    this.#store.open();
  }

  close(): void {
    this.#store.close();
  }

  /** Never rejects. */
  get(name: string): Promise<Buffer | undefined | typeof UNAVAILABLE> {
    return this.#calls.call(() => this.#store.get(name));
  }

  /** Never rejects. @returns whether the store has it, as far as it has replied in time */
  async set(name: string, value: Buffer, ttlMs: number): Promise<boolean> {
    const stored = await this.#calls.call(() => this.#store.set(name, value, ttlMs));
    return stored !== UNAVAILABLE;
  }
}
