import type { Clock } from '../../harness/clock.ts';

/** How long to look. */
export interface SweepOptions {
  readonly clock: Clock;
  /** Gives up after this long, with `isClean` false. */
  readonly limitMs: number;
  /** So long nothing must be found, since what was begun may still be on its way to be seen. @default 0 */
  readonly quietMs?: number;
}

/** How a sweep ended. */
export interface Swept {
  readonly isClean: boolean;
  readonly tookMs: number;
}

/** Looks again and again until nothing is left. @param remove takes away what it finds, and tells how much that was */
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
