import type { Ramp } from '../../harness/arrivals/arrivals.ts';
import { activeFromMs, maxUsers } from '../../harness/arrivals/closed.ts';
import { draw } from '../../harness/distribution.ts';
import { type Random, seededRandom } from '../../harness/random.ts';

/** Options of {@link Users}. */
export interface UsersOptions {
  readonly ramps: readonly Ramp[];
  readonly thinkTimeMs: readonly [number, number];
  readonly seed: number;
}

/**
 * Send times of the users of a closed loop: after each response they think. A user who arrives first waits for a uniformly drawn
 * part of a think time, so that users who arrive together are not synchronised. Runs in k6 too.
 *
 * ```
 * arrives ─part of a think─► sends ── response ─think─► sends ── response ─think─► …
 * ```
 */
export class Users {
  readonly #options: UsersOptions;
  readonly #randoms = new Map<number, Random>();

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  /** First send time of each user, from user 1; users who never arrive are left out. */
  *first(): Generator<{ readonly user: number; readonly dueMs: number }> {
    for (let user = 1; user <= maxUsers(this.#options.ramps); user += 1) {
      const dueMs = this.firstMs(user);
      if (dueMs !== null) yield { user, dueMs };
    }
  }

  /** First send time of a user; null if it never arrives. */
  firstMs(user: number): number | null {
    return this.#arrivesMs(user, this.#options.ramps[0]?.fromMs ?? 0);
  }

  /** Next send time of a user after a response; null if it has left for good. */
  nextMs(user: number, endedMs: number): number | null {
    const dueMs = endedMs + draw(this.#options.thinkTimeMs, this.#random(user));
    const activeMs = activeFromMs(this.#options.ramps, user, dueMs);
    return activeMs === dueMs ? dueMs : this.#arrivesMs(user, dueMs);
  }

  /** A user who leaves before the end of its think time sends nothing until it arrives again. */
  #arrivesMs(user: number, fromMs: number): number | null {
    const { ramps, thinkTimeMs } = this.#options;
    for (let arrivesMs = activeFromMs(ramps, user, fromMs); arrivesMs !== null; ) {
      const random = this.#random(user);
      const dueMs = arrivesMs + random.next() * draw(thinkTimeMs, random);
      arrivesMs = activeFromMs(ramps, user, dueMs);
      if (arrivesMs === dueMs) return dueMs;
    }
    return null;
  }

  /** One random stream per user, so that think times do not depend on the responses to others. */
  #random(user: number): Random {
    let random = this.#randoms.get(user);
    if (!random) {
      random = seededRandom(this.#options.seed).stream('users').stream(String(user));
      this.#randoms.set(user, random);
    }
    return random;
  }
}
