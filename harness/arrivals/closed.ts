import type { RateSegment } from './arrivals.ts';

/** The most users that are ever there at once. */
export function maxUsers(segments: readonly RateSegment[]): number {
  return Math.floor(Math.max(0, ...segments.flatMap(segment => [segment.fromUsers ?? 0, segment.toUsers ?? 0])));
}

/**
 * The first instant from `fromMs` on at which a user is there: users come and go in the order of their numbers, so number n is
 * there while at least n are.
 *
 * ```
 * users 3 ┤      ╱──────┐          user 3 is there from b to c
 *       2 ┤    ╱        └────      user 2 from a on
 *       1 ┤──╱
 *            a   b      c
 * ```
 *
 * @param user from 1
 * @returns null when it never is again
 */
export function presentFromMs(segments: readonly RateSegment[], user: number, fromMs: number): number | null {
  for (const segment of segments) {
    if (segment.toMs <= fromMs) continue;
    const startMs = Math.max(fromMs, segment.fromMs);
    const { fromUsers = 0, toUsers = 0 } = segment;
    const slope = (toUsers - fromUsers) / (segment.toMs - segment.fromMs);
    const there = fromUsers + slope * (startMs - segment.fromMs);
    if (there >= user - 1e-9) return startMs;
    const atMs = segment.fromMs + (user - fromUsers) / slope;
    if (slope > 0 && atMs < segment.toMs) return atMs;
  }
  return null;
}
