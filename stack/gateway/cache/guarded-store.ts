import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import type { CacheMetrics } from './cache-metrics.ts';
import type { CacheStore } from './store.ts';

/** Failures in a row after which the store is left alone, and for how long. Those of calls at the same time are one. */
const DOWN_AFTER_FAILURES = 3;
const RETRY_MS = 1000;

/** No reply: the store failed, was too slow, or is down. */
export const UNAVAILABLE = Symbol('unavailable');

interface GuardedParts {
  readonly store: CacheStore;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly metrics: CacheMetrics;
  readonly log: Logger;
}

/**
 * A store that never costs a request more than `timeoutMs` (and the resolution of deadlines): after three failures in a row it is not asked
 * for a second, then again by one request.
 *
 * ```
 * up ── 3 failures or timeouts in a row ──▶ down ── after 1 s: one attempt ──▶ up, or down for another second
 * ```
 */
export class GuardedStore {
  readonly #parts: GuardedParts;
  #failures = 0;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #retryAtMs = 0;

  constructor(parts: GuardedParts) {
    this.#parts = parts;
  }

  open(): void {
    this.#parts.store.open();
  }

  close(): void {
    this.#parts.store.close();
  }

  /** Never rejects. */
  get(name: string): Promise<Buffer | undefined | typeof UNAVAILABLE> {
    return this.#within(() => this.#parts.store.get(name));
  }

  /** Never rejects. @returns whether the store has it, as far as it has replied in time */
  async set(name: string, value: Buffer, ttlMs: number): Promise<boolean> {
    const stored = await this.#within(() => this.#parts.store.set(name, value, ttlMs));
    return stored !== UNAVAILABLE;
  }

  #within<T>(operation: () => Promise<T>): Promise<T | typeof UNAVAILABLE> {
    const { clock, deadlines, timeoutMs, metrics } = this.#parts;
    const sentMs = clock.nowMs();
    if (this.#failures >= DOWN_AFTER_FAILURES) {
      if (sentMs < this.#retryAtMs) {
        metrics.storeFailures.down.inc();
        return Promise.resolve(UNAVAILABLE);
      }
      this.#retryAtMs = sentMs + RETRY_MS;
    }
    return new Promise(resolve => {
      let isPending = true;
      const settle = (result: T | typeof UNAVAILABLE) => {
        isPending = false;
        deadlines.remove(watched);
        metrics.storeSeconds.observe((clock.nowMs() - sentMs) / 1000);
        resolve(result);
      };
      const fail = (reason: 'timeout' | 'error') => {
        if (!isPending) return;
        metrics.storeFailures[reason].inc();
        this.#failed(reason, sentMs);
        settle(UNAVAILABLE);
      };
      const watched: Watched = {
        dueMs: sentMs + timeoutMs,
        // After a pause of this process a reply may be waiting in the socket: let it be read first.
        expire: () => void clock.after(0, () => fail('timeout')),
      };
      deadlines.add(watched);
      operation().then(
        value => {
          if (!isPending) return;
          this.#succeeded();
          settle(value);
        },
        () => fail('error'),
      );
    });
  }

  #failed(reason: 'timeout' | 'error', sentMs: number): void {
    const { store, log, clock } = this.#parts;
    // A pause of either process fails all calls that are under way.
    if (sentMs < this.#failedAtMs) return;
    this.#failedAtMs = clock.nowMs();
    this.#failures += 1;
    if (this.#failures < DOWN_AFTER_FAILURES) return;
    this.#retryAtMs = clock.nowMs() + RETRY_MS;
    if (this.#failures === DOWN_AFTER_FAILURES) log.warn({ reason }, 'cache down');
    if (reason === 'timeout') store.reconnect();
  }

  #succeeded(): void {
    if (this.#failures >= DOWN_AFTER_FAILURES) this.#parts.log.info('cache up');
    this.#failures = 0;
  }
}
