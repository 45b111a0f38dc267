import type { RateSegment } from './arrivals.ts';

/** Largest number of concurrent users. */
export function maxUsers(segments: readonly RateSegment[]): number {
  return Math.floor(Math.max(0, ...segments.flatMap(segment => [segment.fromUsers ?? 0, segment.toUsers ?? 0])));
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
export function activeFromMs(segments: readonly RateSegment[], user: number, fromMs: number): number | null {
  for (const segment of segments) {
    if (segment.toMs <= fromMs) continue;
    const startMs = Math.max(fromMs, segment.fromMs);
    const { fromUsers = 0, toUsers = 0 } = segment;
    const slope = (toUsers - fromUsers) / (segment.toMs - segment.fromMs);
    const active = fromUsers + slope * (startMs - segment.fromMs);
    if (active >= user - 1e-9) return startMs;
    const atMs = segment.fromMs + (user - fromUsers) / slope;
    if (slope > 0 && atMs < segment.toMs) return atMs;
  }
  return null;
}
