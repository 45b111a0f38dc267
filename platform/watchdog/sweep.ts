import type { Clock } from '../../harness/clock.ts';

/** Limits of a sweep. */
export interface SweepOptions {
  readonly clock: Clock;
  /** Gives up after this long, with `isClean` false. */
  readonly limitMs: number;
  /** Time for which nothing must be found, since a resource being created may not be visible yet. @default 0 */
  readonly quietMs?: number;
}

/** Result of a sweep. */
export interface Swept {
  readonly isClean: boolean;
  readonly tookMs: number;
}

/** Removes repeatedly until nothing is left. @param remove removes what it finds, and returns how many that were */
export async function sweep(
  { clock, limitMs, quietMs = 0 }: SweepOptions,
  pollMs: number,
  remove: () => number | Promise<number>,
): Promise<Swept> {
  const startMs = clock.nowMs();
  for (let lastSeenMs = startMs; ; ) {
    const isClean = (await remove()) === 0;
    const nowMs = clock.nowMs();
    if (!isClean) lastSeenMs = nowMs;
    if ((isClean && nowMs - lastSeenMs >= quietMs) || nowMs - startMs >= limitMs)
      return { isClean, tookMs: nowMs - startMs };
    await clock.sleep(pollMs);
  }
}
