import type { LoadProgress } from '../../harness/contracts.ts';
import { errorKind, isFailure, type RequestRecord } from '../../harness/requests.ts';
import { addCounts } from '../worker/sum.ts';

const RECENT_MS = 1000;

/** Running counts of a load, in constant memory except for about the last second. Times are ms on any one clock. */
export interface Tally {
  firstToken(latencyMs: number, atMs: number): void;
  /** Call it once per scheduled arrival, with its outcome. */
  settled(record: RequestRecord, atMs: number): void;
  /** `recentPerSecond` counts completed requests. */
  progress(nowMs: number, inFlight: number): LoadProgress;
}

/** Creates an empty tally. */
export function tally(): Tally {
  let completed = 0;
  let failed = 0;
  let dropped = 0;
  /** Interrupted and abandoned requests: sent, but neither completed nor failed. */
  let unfinished = 0;
  const warmUp = { completed: 0, failures: {} as Record<string, number> };
  const firstTokens = new Recent();
  const completions = new Recent();

  return {
    firstToken: (latencyMs, atMs) => firstTokens.add(latencyMs, atMs),
    settled(record, atMs) {
      const isWarmUp = record.scheduledMs < 0;
      if (record.outcome === 'ok') {
        completed += 1;
        if (isWarmUp) warmUp.completed += 1;
        completions.add(1, atMs);
      } else if (isFailure(record)) {
        failed += 1;
        if (isWarmUp) addCounts(warmUp.failures, { [errorKind(record)]: 1 });
      } else if (record.outcome === 'dropped') {
        dropped += 1;
      } else unfinished += 1;
    },
    progress(nowMs, inFlight) {
      const sorted = firstTokens.values(nowMs).sort((a, b) => a - b);
      return {
        sent: completed + failed + unfinished + inFlight,
        completed,
        failed,
        dropped,
        inFlight,
        recentP99TtftMs: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? null,
        recentPerSecond: completions.values(nowMs).length / (RECENT_MS / 1000),
        warmUp: { ...warmUp, failures: { ...warmUp.failures } },
      };
    },
  };
}

/** Values of the last second, and at most as many older ones, whether or not anybody looks at them. */
class Recent {
  #entries: { readonly value: number; readonly atMs: number }[] = [];
  #limit = 1000;

  add(value: number, atMs: number): void {
    this.#entries.push({ value, atMs });
    if (this.#entries.length < this.#limit) return;
    this.#discard(atMs);
    this.#limit = Math.max(1000, 2 * this.#entries.length);
  }

  values(nowMs: number): number[] {
    this.#discard(nowMs);
    return this.#entries.map(({ value }) => value);
  }

  #discard(nowMs: number): void {
    this.#entries = this.#entries.filter(({ atMs }) => atMs > nowMs - RECENT_MS);
  }
}
