import type { HpaSpec } from './schema.ts';
import type { HpaSettings } from './settings.ts';

/** Relative differences to the target that change nothing, by direction. */
export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

/** Tolerances of a spec: its own where they count, otherwise those of the settings. */
export function tolerancesOf({ behavior }: HpaSpec, { tolerance, configurableTolerance }: HpaSettings): Tolerances {
  const own = configurableTolerance ? behavior : undefined;
  return {
    up: own?.scaleUp.tolerance?.approximate ?? tolerance,
    down: own?.scaleDown.tolerance?.approximate ?? tolerance,
  };
}

/** Whether a usage ratio (1: on target) is close enough to 1; the edges are. */
export function isWithin(ratio: number, { up, down }: Tolerances): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}
