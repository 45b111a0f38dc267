import type { Ramp } from './arrivals.ts';

/** Largest number of concurrent users. */
export function maxUsers(ramps: readonly Ramp[]): number {
  return Math.floor(Math.max(0, ...ramps.flatMap(ramp => [ramp.fromUsers ?? 0, ramp.toUsers ?? 0])));
}

/**
 * First instant from `fromMs` on at which a user is active. Users arrive and leave in order of their numbers: user n is active
 * while there are at least n users.
 *
 * ```
 * users 3 ┤      ╱──────┐          user 3 is active from b to c
 *       2 ┤    ╱        └────      user 2 from a on
 *       1 ┤──╱
 *            a   b      c
 * ```
 *
 * @param user counted from 1
 * @returns null if the user is never active again
 */
export function activeFromMs(ramps: readonly Ramp[], user: number, fromMs: number): number | null {
  for (const ramp of ramps) {
    if (ramp.toMs <= fromMs) continue;
    const startMs = Math.max(fromMs, ramp.fromMs);
    const { fromUsers = 0, toUsers = 0 } = ramp;
    const slope = (toUsers - fromUsers) / (ramp.toMs - ramp.fromMs);
    const active = fromUsers + slope * (startMs - ramp.fromMs);
    if (active >= user - 1e-9) return startMs;
    const atMs = ramp.fromMs + (user - fromUsers) / slope;
    if (slope > 0 && atMs < ramp.toMs) return atMs;
  }
  return null;
}
