import type { Clock } from '../../../harness/clock.ts';
import { type GuardedCalls, UNAVAILABLE } from '../forward/guarded-calls.ts';
import type { AccountingConfig } from './config.ts';
import type { Ledger, Reservation, Standing } from './ledger.ts';

const MICRO = 1_000_000;

/** What is decided about a request of a key with a quota. */
export interface Decision {
  /** `local`: granted without Redis. */
  readonly result: 'granted' | 'exceeded' | 'local' | 'unavailable';
  /** Credits a period. */
  readonly quota: number;
  /** As far as it is known, after the decision, in millionths of a credit. */
  readonly standing: Standing;
}

interface QuotasParts {
  readonly config: AccountingConfig;
  readonly ledger: Ledger;
  readonly calls: GuardedCalls;
  readonly clock: Clock;
}

/** What this gateway knows of a caller's quota: `spare` at its last look, less what it has granted without Redis since. */
interface Known {
  spare: number;
  /** On this gateway's monotonic clock. */
  untilMs: number;
}

/**
 * Quotas of keys. A request reserves what it may cost, in one step for all gateways; when it ends, that is replaced by what it did cost.
 *
 * ```
 *  used │▓▓▓▓▓▓▓▓▓▓│ reserved │░░░░░│ + this request │·····│ <= quota
 * ```
 *
 * While Redis is down each gateway goes on with what was left when it last looked, or refuses, as configured.
 */
export class Quotas {
  readonly #parts: QuotasParts;
  readonly #ofKeys: ReadonlyMap<string, number | 'off'>;
  readonly #known = new Map<string, Known>();

  constructor(parts: QuotasParts) {
    this.#parts = parts;
    this.#ofKeys = new Map(parts.config.keys.map(({ sha256, quota }) => [sha256.toLowerCase(), quota]));
  }

  /** Credits a period of a caller; undefined without a quota. */
  of(caller: string): number | undefined {
    const quota = this.#ofKeys.get(caller) ?? this.#parts.config.quota;
    return quota === 'off' ? undefined : quota;
  }

  /** Decides whether a request may begin. Never rejects. */
  async reserve(caller: string, quota: number, reservation: Reservation): Promise<Decision> {
    const standing = await this.#ask(caller, quota, reservation);
    if (standing !== UNAVAILABLE) return { result: standing.isGranted ? 'granted' : 'exceeded', quota, standing };
    return this.#locally(caller, quota, reservation.amount);
  }

  /** Where a caller stands; undefined without a reply of Redis. */
  async look(caller: string, quota: number): Promise<Standing | undefined> {
    const standing = await this.#ask(caller, quota, undefined);
    return standing === UNAVAILABLE ? undefined : standing;
  }

  async #ask(caller: string, quota: number, reservation: Reservation | undefined) {
    const { ledger, calls, clock, config } = this.#parts;
    const { periodMs, reservationMs: ttlMs } = config;
    const limit = Math.floor(quota * MICRO);
    const standing = await calls.call(() => ledger.reserve(caller, reservation, { limit, periodMs, ttlMs }));
    if (standing !== UNAVAILABLE)
      this.#known.set(caller, {
        spare: Math.max(0, limit - standing.used - standing.reserved),
        untilMs: clock.nowMs() + standing.resetMs,
      });
    return standing;
  }

  #locally(caller: string, quota: number, amount: number): Decision {
    const { clock, config } = this.#parts;
    const limit = Math.floor(quota * MICRO);
    const nowMs = clock.nowMs();
    let known = this.#known.get(caller);
    if (!known || known.untilMs <= nowMs) {
      // Of a period, or a caller, of which nothing is known, each gateway has its part.
      const leftMs = config.periodMs - (clock.date().getTime() % config.periodMs);
      known = { spare: Math.floor(limit / config.replicas), untilMs: nowMs + leftMs };
      this.#known.set(caller, known);
    }
    const standing = () => ({ used: limit - known.spare, reserved: 0, resetMs: known.untilMs - nowMs });
    if (config.onOutage === 'fail') return { result: 'unavailable', quota, standing: standing() };
    const isGranted = amount <= known.spare;
    if (isGranted) known.spare -= amount;
    return { result: isGranted ? 'local' : 'exceeded', quota, standing: standing() };
  }
}
