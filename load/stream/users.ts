import type { Ramp } from '../../harness/arrivals/arrivals.ts';
import { activeFromMs, maxUsers } from '../../harness/arrivals/closed.ts';
import { draw } from '../../harness/distribution.ts';
import { type Random, seededRandom } from '../../harness/random.ts';

/** What decides when users send. */
export interface UsersOptions {
  readonly ramps: readonly Ramp[];
  readonly thinkTimeMs: readonly [number, number];
  readonly seed: number;
}

/**
 * When the users of a closed loop mean to send: after each answer they think. One who comes sends after a part of a think time,
 * drawn evenly, so that users who come together do not march in step. Runs in k6 too.
 *
 * ```
 * comes ─part of a think─► sends ── answer ─think─► sends ── answer ─think─► …
 * ```
 */
export class Users {
  readonly #options: UsersOptions;
  readonly #randoms = new Map<number, Random>();

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  /** When each user sends first, from user 1 on; those who never come are left out. */
  *first(): Generator<{ readonly user: number; readonly dueMs: number }> {
    for (let user = 1; user <= maxUsers(this.#options.ramps); user += 1) {
      const dueMs = this.firstMs(user);
      if (dueMs !== null) yield { user, dueMs };
    }
  }

  /** When a user sends first; null when it never comes. */
  firstMs(user: number): number | null {
    return this.#comesMs(user, this.#options.ramps[0]?.fromMs ?? 0);
  }

  /** When a user means to send again after an answer; null when it has gone for good. */
  nextMs(user: number, endedMs: number): number | null {
    const dueMs = endedMs + draw(this.#options.thinkTimeMs, this.#random(user));
    const thereMs = activeFromMs(this.#options.ramps, user, dueMs);
    return thereMs === dueMs ? dueMs : this.#comesMs(user, dueMs);
  }

  /** Who has gone again before the think is over sends nothing until it comes the next time. */
  #comesMs(user: number, fromMs: number): number | null {
    const { ramps, thinkTimeMs } = this.#options;
    for (let comesMs = activeFromMs(ramps, user, fromMs); comesMs !== null; ) {
      const random = this.#random(user);
      const dueMs = comesMs + random.next() * draw(thinkTimeMs, random);
      comesMs = activeFromMs(ramps, user, dueMs);
      if (comesMs === dueMs) return dueMs;
    }
    return null;
  }

  /** One stream a user, so that how long one thinks depends on no other's answers. */
  #random(user: number): Random {
    let random = this.#randoms.get(user);
    if (!random) {
      random = seededRandom(this.#options.seed).stream('users').stream(String(user));
      this.#randoms.set(user, random);
    }
    return random;
  }
}
