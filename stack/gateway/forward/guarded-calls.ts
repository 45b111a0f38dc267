import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines, Watched } from './deadlines.ts';

/** Failures in a row after which a store is left alone, and for how long. Those of calls at the same time are one. */
const DOWN_AFTER_FAILURES = 3;
const RETRY_MS = 1000;

/** No reply: the store failed, was too slow, or is down. */
export const UNAVAILABLE = Symbol('unavailable');

interface GuardedParts {
  /** What the log calls it. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly log: Logger;
  /** Replaces a connection that does not respond. */
  readonly reconnect: () => void;
  readonly onFailure: (reason: 'timeout' | 'error' | 'down') => void;
  /** Called with the duration of each call that was made. */
  readonly onEnd?: (seconds: number) => void;
}

/**
 * Calls of a store that never cost a request more than `timeoutMs` (and the resolution of deadlines): after three failures in a row it is not
 * called for a second, then again by one request.
 *
 * ```
 * up ── 3 failures or timeouts in a row ──▶ down ── after 1 s: one attempt ──▶ up, or down for another second
 * ```
 */
export class GuardedCalls {
  readonly #parts: GuardedParts;
  #failures = 0;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #retryAtMs = 0;

  constructor(parts: GuardedParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  call<T>(operation: () => Promise<T>): Promise<T | typeof UNAVAILABLE> {
    const { clock, deadlines, timeoutMs, onFailure, onEnd } = this.#parts;
    const sentMs = clock.nowMs();
    if (this.#failures >= DOWN_AFTER_FAILURES) {
      if (sentMs < this.#retryAtMs) {
        onFailure('down');
        return Promise.resolve(UNAVAILABLE);
      }
      this.#retryAtMs = sentMs + RETRY_MS;
    }
    return new Promise(resolve => {
      let isPending = true;
      const settle = (result: T | typeof UNAVAILABLE) => {
        isPending = false;
        deadlines.remove(watched);
        onEnd?.((clock.nowMs() - sentMs) / 1000);
        resolve(result);
      };
      const fail = (reason: 'timeout' | 'error') => {
        if (!isPending) return;
        onFailure(reason);
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
    const { what, reconnect, log, clock } = this.#parts;
    // A pause of either process fails all calls that are under way.
    if (sentMs < this.#failedAtMs) return;
    this.#failedAtMs = clock.nowMs();
    this.#failures += 1;
    if (this.#failures < DOWN_AFTER_FAILURES) return;
    this.#retryAtMs = clock.nowMs() + RETRY_MS;
    if (this.#failures === DOWN_AFTER_FAILURES) log.warn({ reason }, `${what} down`);
    if (reason === 'timeout') reconnect();
  }

  #succeeded(): void {
    if (this.#failures >= DOWN_AFTER_FAILURES) this.#parts.log.info(`${this.#parts.what} up`);
    this.#failures = 0;
  }
}
