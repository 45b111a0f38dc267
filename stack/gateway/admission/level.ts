/** Levels of urgency by name, the most urgent first. */
export const LEVEL_NAMES = ['urgent', 'interactive', 'normal', 'batch'] as const;

/** Name of a level. */
export type LevelName = (typeof LEVEL_NAMES)[number];

/** Level as a number, as in `x-priority`: 0 is the most urgent. */
export type Level = 0 | 1 | 2 | 3;

/** All levels, the most urgent first. */
export const LEVELS: readonly Level[] = [0, 1, 2, 3];

/** Number of a level. */
export function levelOf(name: LevelName): Level {
  return LEVEL_NAMES.indexOf(name) as Level;
}
