import type { ScalingRules } from './schema.ts';

/** A number of replicas that metrics asked for, before any limit. */
export interface Recommendation {
  readonly replicas: number;
  readonly atMs: number;
}

/** A change of the number of replicas by the autoscaler. */
export interface ScaleEvent {
  /** Replicas added or removed, positive. */
  readonly change: number;
  readonly atMs: number;
  /** Whether its place may be taken: it was older than the longest period of a policy when a later change was stored. */
  readonly isOutdated: boolean;
}

/**
 * What an autoscaler remembers. Entries live as long as the controller keeps them: a place is given to a new entry only once what is in it
 * is too old, so that a window or a period that becomes longer finds what is still there.
 */
export interface History {
  readonly recommendations: readonly Recommendation[];
  readonly scaleUps: readonly ScaleEvent[];
  readonly scaleDowns: readonly ScaleEvent[];
}

/** Nothing yet. */
export const NO_HISTORY: History = { recommendations: [], scaleUps: [], scaleDowns: [] };

/** Adds an entry in the last place whose entry is free, or a new one. */
export function placed<Entry>(entries: readonly Entry[], entry: Entry, isFree: (entry: Entry) => boolean): Entry[] {
  const index = entries.findLastIndex(isFree);
  return index < 0 ? [...entries, entry] : entries.with(index, entry);
}

/** Stores a change by `change` replicas (negative: a scale-down). @param rules those of its direction */
export function withEvent(history: History, change: number, { policies }: ScalingRules, nowMs: number): History {
  const key = change > 0 ? 'scaleUps' : 'scaleDowns';
  const longestMs = 1000 * Math.max(0, ...policies.map(({ periodSeconds }) => periodSeconds));
  const marked = history[key].map(event => (event.atMs < nowMs - longestMs ? { ...event, isOutdated: true } : event));
  const event: ScaleEvent = { change: Math.abs(change), atMs: nowMs, isOutdated: false };
  return { ...history, [key]: placed(marked, event, ({ isOutdated }) => isOutdated) };
}

/** Replicas by which `events` of the last `periodSeconds` changed the workload. */
export function changeWithin(events: readonly ScaleEvent[], periodSeconds: number, nowMs: number): number {
  const cutoffMs = nowMs - 1000 * periodSeconds;
  return events.reduce((sum, { change, atMs }) => (atMs > cutoffMs ? sum + change : sum), 0);
}
