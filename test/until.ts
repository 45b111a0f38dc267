import { systemClock } from '../harness/clock.ts';

const POLL_MS = 10;

/** Looks until `holds`; resolves with how long that took, in ms. @throws Error when it does not hold within `limitMs` */
export async function until(holds: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<number> {
  const startMs = systemClock.nowMs();
  while (!(await holds())) {
    if (systemClock.nowMs() - startMs > limitMs) throw new Error(`Expected to hold within ${limitMs} ms: ${holds}`);
    await systemClock.sleep(POLL_MS);
  }
  return systemClock.nowMs() - startMs;
}

/** Whether it comes to hold within `limitMs`. @throws what `holds` throws */
export async function eventually(holds: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<boolean> {
  const endMs = systemClock.nowMs() + limitMs;
  while (!(await holds())) {
    if (systemClock.nowMs() > endMs) return false;
    await systemClock.sleep(POLL_MS);
  }
  return true;
}
