import type { Logger } from 'pino';
import type { Counter } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';

/**
 * Why a connection was closed on its client. `slow-headers`, `slow-body`: not there in time · `body-rate`: below the minimum ·
 * `slow-reader`: took none of its bytes · `idle`: no next request · `large-headers`, `many-headers`, `pipelining`: more than
 * allowed · `full`, `address`: over a cap of connections.
 */
export type EvictionReason =
  | 'slow-headers'
  | 'slow-body'
  | 'body-rate'
  | 'slow-reader'
  | 'idle'
  | 'large-headers'
  | 'many-headers'
  | 'pipelining'
  | 'full'
  | 'address';

/** What {@link Evictions} needs. */
export interface EvictionsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counter: Counter<'reason'>;
}

const LOG_EVERY_MS = 1000;

/** Counts evictions and tells of them, for each reason at most once a second: an attack must not fill the disk. */
export class Evictions {
  readonly #options: EvictionsOptions;
  /** Evictions of the reasons that were told of less than a second ago, since then. */
  readonly #untold = new Map<EvictionReason, number>();
  readonly #reasons = new WeakMap<object, EvictionReason>();

  constructor(options: EvictionsOptions) {
    this.#options = options;
  }

  /** Notes that `socket` is closed for `reason`. Closing it is up to the caller. */
  note(socket: object, reason: EvictionReason, address?: string): void {
    this.#reasons.set(socket, reason);
    this.#options.counter.labels(reason).inc();
    const untold = this.#untold.get(reason);
    if (untold === undefined) this.#tell(reason, 1, address);
    else this.#untold.set(reason, untold + 1);
  }

  /** Why `socket` was evicted; undefined when it was not. */
  reasonOf(socket: object): EvictionReason | undefined {
    return this.#reasons.get(socket);
  }

  #tell(reason: EvictionReason, count: number, address?: string): void {
    const { clock, log } = this.#options;
    // An idle connection that ends is no news.
    if (reason === 'idle') return;
    log.warn({ reason, count, address }, 'connections evicted');
    this.#untold.set(reason, 0);
    void clock.sleep(LOG_EVERY_MS).then(() => {
      const untold = this.#untold.get(reason)!;
      this.#untold.delete(reason);
      if (untold > 0) this.#tell(reason, untold);
    });
  }
}
