import type { Logger } from 'pino';
import { type Clock, settlesWithin } from '../../../harness/clock.ts';
import type { Ledger, Settlement } from './ledger.ts';

/** How many settlements go to the ledger at once, at most. */
const BATCH = 100;
/** How long a batch may take before it is sent again, and the pause before that. */
const TIMEOUT_MS = 1000;
const RETRY_MS = 200;
/** How long a gateway that stops waits for the ledger. */
const FLUSH_MS = 1000;

interface SettlementsParts {
  readonly ledger: Ledger;
  /** Of this start of this gateway; unique. */
  readonly sender: string;
  readonly maxPending: number;
  readonly keepMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onSettled: (count: number) => void;
  readonly onLost: () => void;
}

/**
 * Takes settlements to the ledger, in batches, one at a time. A batch has a number and is sent until the ledger has confirmed it, which adds each number once:
 *
 * ```
 *  request ends ──► pending ──► batch n ──► ledger: n > last? add, last = n : nothing ──► confirmed ──► batch n + 1
 *                                  └──────────── no reply: again, with the same number ──────┘
 * ```
 *
 * So each settlement is added at most once, and exactly once unless this process ends before it is confirmed.
 */
export class Settlements implements AsyncDisposable {
  readonly #parts: SettlementsParts;
  #pending: Settlement[] = [];
  #inFlight = 0;
  #number = 0;
  #running: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(parts: SettlementsParts) {
    this.#parts = parts;
  }

  /** Settlements that are not confirmed. */
  get size(): number {
    return this.#pending.length + this.#inFlight;
  }

  /** Never waits. */
  add(settlement: Settlement): void {
    if (this.size >= this.#parts.maxPending) {
      this.#parts.onLost();
      return;
    }
    this.#pending.push(settlement);
    this.#running ??= this.#run();
  }

  /** Waits for the ledger, but not for long. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, log } = this.#parts;
    if (this.#running) await settlesWithin(this.#running, FLUSH_MS, clock);
    if (this.size > 0) log.warn({ requests: this.size }, 'usage is lost, since Redis is down');
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { onSettled } = this.#parts;
    // Requests that end in the same turn share a batch.
    await Promise.resolve();
    while (this.#pending.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#pending.splice(0, BATCH);
      this.#inFlight = batch.length;
      this.#number += 1;
      if (!(await this.#confirm(batch))) break;
      this.#inFlight = 0;
      onSettled(batch.length);
    }
    this.#running = undefined;
  }

  /** False when this gateway has stopped before. */
  async #confirm(batch: readonly Settlement[]): Promise<boolean> {
    const { ledger, sender, keepMs, clock, log } = this.#parts;
    const { signal } = this.#stop;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      let isConfirmed = false;
      const settling = ledger.settle(sender, this.#number, batch, keepMs).then(() => {
        isConfirmed = true;
      });
      const isLate = !(await settlesWithin(settling, TIMEOUT_MS, clock));
      if (isConfirmed) {
        if (attempt > 1) log.info({ attempt }, 'usage is settled again');
        return true;
      }
      if (attempt === 1) log.warn('usage waits for Redis');
      if (isLate) ledger.reconnect();
      await clock.sleep(RETRY_MS, signal).catch(() => {});
    }
    return false;
  }
}
