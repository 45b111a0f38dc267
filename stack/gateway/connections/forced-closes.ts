import type { Logger } from 'pino';
import type { Counter } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';

/**
 * Why the gateway closed a client's connection. `slow-headers`, `slow-body`: deadline exceeded · `body-rate`: body below the
 * minimum rate · `slow-reader`: response not read · `idle`: no next request · `large-headers`, `many-headers`, `pipelining`: limit
 * exceeded · `full`, `address`: connection limit reached.
 */
export type CloseReason =
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

/** Dependencies of {@link ForcedCloses}. */
export interface ForcedClosesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counter: Counter<'reason'>;
}

const LOG_INTERVAL_MS = 1000;

/** Record of the connections that the gateway closed. Logs each reason at most once a second, so that an attack cannot fill the disk. */
export class ForcedCloses {
  readonly #options: ForcedClosesOptions;
  /** Closes not logged yet, by reason; present while a reason was logged less than a second ago. */
  readonly #unlogged = new Map<CloseReason, number>();
  readonly #reasons = new WeakMap<object, CloseReason>();

  constructor(options: ForcedClosesOptions) {
    this.#options = options;
  }

  /** Records that `socket` is closed for `reason`. The caller closes it. */
  record(socket: object, reason: CloseReason, address?: string): void {
    this.#reasons.set(socket, reason);
    this.#options.counter.labels(reason).inc();
    const unlogged = this.#unlogged.get(reason);
    if (unlogged === undefined) this.#log(reason, 1, address);
    else this.#unlogged.set(reason, unlogged + 1);
  }

  /** Why `socket` was closed; undefined when it was not. */
  reasonOf(socket: object): CloseReason | undefined {
    return this.#reasons.get(socket);
  }

  #log(reason: CloseReason, count: number, address?: string): void {
    const { clock, log } = this.#options;
    // Closing an idle connection is routine.
    if (reason === 'idle') return;
    log.warn({ reason, count, address }, 'connections closed');
    this.#unlogged.set(reason, 0);
    void clock.sleep(LOG_INTERVAL_MS).then(() => {
      const unlogged = this.#unlogged.get(reason)!;
      this.#unlogged.delete(reason);
      if (unlogged > 0) this.#log(reason, unlogged);
    });
  }
}
