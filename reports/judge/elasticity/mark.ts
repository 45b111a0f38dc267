/** When something happened, in ms on the run's timeline, and the interval in which it did by what was observed. */
export interface Seen {
  readonly atMs: number;
  readonly lowerMs: number;
  readonly upperMs: number;
}

/** Something that was not observed. */
export interface Unseen {
  /** One clause, such as `no response names its upstream`. */
  readonly why: string;
  /** It had not happened by then; null where nothing shows that. */
  readonly notBeforeMs: number | null;
}

/** Observation of an instant, or of its absence. */
export type Mark = Seen | Unseen;

/** Whether it was observed. */
export function isSeen(mark: Mark): mark is Seen {
  return 'atMs' in mark;
}

/** An instant that the observation itself does not blur. */
export function seenAt(atMs: number, lowerMs: number = atMs, upperMs: number = atMs): Seen {
  return { atMs, lowerMs: Math.min(lowerMs, atMs), upperMs: Math.max(upperMs, atMs) };
}

/** An observation, given that it came before another one. */
export function notAfter(mark: Mark, later: Mark): Mark {
  if (!isSeen(mark) || !isSeen(later)) return mark;
  const upperMs = Math.min(mark.upperMs, later.upperMs);
  const atMs = Math.min(mark.atMs, later.atMs);
  return { atMs, lowerMs: Math.min(mark.lowerMs, atMs), upperMs: Math.max(upperMs, atMs) };
}
