import { errorKind, isFailure, type Requests } from '../../../harness/requests.ts';
import type { FailurePoint } from '../../store/run-document.ts';

/**
 * Failed and dropped requests of the load, in order of time. A request counts at its scheduled arrival, like the latencies of the
 * others, with the exception that windows make: one in flight when the injection of a fault began counts at that injection, since it
 * belongs to that fault. So the failures between a fault's injection and its recovery are those of its window.
 * @param injectionsMs instants at which the injection of a fault began
 */
export function failuresOf(records: Requests, endMs: number, injectionsMs: readonly number[]): FailurePoint[] {
  const failures: FailurePoint[] = [];
  records.forEach(record => {
    const { scheduledMs, outcome } = record;
    if (scheduledMs < 0 || scheduledMs >= endMs || !(isFailure(record) || outcome === 'dropped')) return;
    const during = injectionsMs.filter(ms => ms > scheduledMs && ms <= record.endMs && ms < endMs);
    failures.push({ atMs: Math.max(scheduledMs, ...during), kind: errorKind(record) });
  });
  return failures.sort((a, b) => a.atMs - b.atMs);
}

/** Changes of the number in flight that are sorted at once: those of a longer run are counted as its arrivals pass by. */
const MAX_CHANGES = 2 ** 20;

/** Largest number of requests in flight in each slot: sent, and without an outcome. */
export function inFlightSeries(records: Requests, count: number, slotMs: number): number[] {
  const changes = new InFlight(count, slotMs);
  records.forEach(({ scheduledMs, sentMs, endMs }) => {
    if (sentMs !== null) changes.add(scheduledMs, sentMs, endMs);
  });
  return changes.result();
}

/**
 * ```
 *   counted │ sorted when there are many: what ends later remains
 * ──────────┼─────────────────▶ time
 *      scheduled arrival; whatever follows is not sent before
 * ```
 */
class InFlight {
  readonly #most: number[];
  readonly #slotMs: number;
  /** Instants at which requests were sent, and ended, in no order. */
  #sentMs: number[] = [];
  #endMs: number[] = [];
  #now = 0;
  /** Slot up to which changes were counted; -1 before the load. */
  #slot = -1;

  constructor(count: number, slotMs: number) {
    this.#most = new Array<number>(count).fill(0);
    this.#slotMs = slotMs;
  }

  add(scheduledMs: number, sentMs: number, endMs: number): void {
    this.#sentMs.push(sentMs);
    this.#endMs.push(endMs);
    if (this.#sentMs.length + this.#endMs.length >= MAX_CHANGES) this.#countUntil(scheduledMs);
  }

  result(): number[] {
    this.#countUntil(Number.POSITIVE_INFINITY);
    this.#enter(this.#most.length);
    return this.#most;
  }

  #countUntil(untilMs: number): void {
    const isDue = (ms: number) => ms < untilMs;
    const [sent, ended] = [this.#sentMs, this.#endMs].map(times => Float64Array.from(times.filter(isDue)).sort());
    this.#sentMs = this.#sentMs.filter(ms => !isDue(ms));
    this.#endMs = this.#endMs.filter(ms => !isDue(ms));
    let next = 0;
    for (const ms of sent!) {
      // What ends at an instant is gone before what is sent at it.
      for (; next < ended!.length && ended![next]! <= ms; next += 1) this.#change(ended![next]!, -1);
      this.#change(ms, 1);
    }
    for (; next < ended!.length; next += 1) this.#change(ended![next]!, -1);
  }

  #change(atMs: number, by: number): void {
    this.#enter(Math.min(this.#most.length, Math.floor(atMs / this.#slotMs)));
    this.#now += by;
    if (this.#slot >= 0 && this.#slot < this.#most.length)
      this.#most[this.#slot] = Math.max(this.#most[this.#slot]!, this.#now);
  }

  /** A slot begins with as many as were in flight before it. */
  #enter(slot: number): void {
    for (; this.#slot < slot; this.#slot += 1)
      if (this.#slot + 1 < this.#most.length) this.#most[this.#slot + 1] = this.#now;
  }
}
