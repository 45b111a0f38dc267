import type { Columns } from '../../store/requests/chunk-columns.ts';
import type { Folding } from '../folds/folding.ts';

/** Largest number of requests in flight in each slot: sent, and without an outcome. */
export function inFlightFold(count: number, slotMs: number): Folding<number[]> {
  const changes = new InFlight(count, slotMs);
  const visit = (columns: Columns) => {
    const [scheduledMs, sentMs] = [columns.values('scheduledMs'), columns.values('sentMs')];
    const endMs = columns.values('endMs');
    for (let row = 0; row < columns.rows; row += 1)
      if (!Number.isNaN(sentMs[row])) changes.add(scheduledMs[row]!, sentMs[row]!, endMs[row]!);
  };
  return { visit, result: () => changes.result() };
}

/** Requests whose changes of the number in flight are sorted together. */
const MAX_SORTED = 2 ** 17;

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
  readonly #sent = new Instants();
  readonly #ended = new Instants();
  #now = 0;
  /** Slot up to which changes were counted; -1 before the load. */
  #slot = -1;

  constructor(count: number, slotMs: number) {
    this.#most = new Array<number>(count).fill(0);
    this.#slotMs = slotMs;
  }

  add(scheduledMs: number, sentMs: number, endMs: number): void {
    this.#sent.add(sentMs);
    this.#ended.add(endMs);
    if (this.#sent.isFull || this.#ended.isFull) this.#countUntil(scheduledMs);
  }

  result(): number[] {
    this.#countUntil(Number.POSITIVE_INFINITY);
    this.#enter(this.#most.length);
    return this.#most;
  }

  #countUntil(untilMs: number): void {
    const [sent, ended] = [this.#sent.takeBefore(untilMs), this.#ended.takeBefore(untilMs)];
    let next = 0;
    for (let at = 0; at < sent.length; at += 1) {
      const ms = sent[at]!;
      // What ends at an instant is gone before what is sent at it.
      for (; next < ended.length && ended[next]! <= ms; next += 1) this.#change(ended[next]!, -1);
      this.#change(ms, 1);
    }
    for (; next < ended.length; next += 1) this.#change(ended[next]!, -1);
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

class Instants {
  #values = new Float64Array(1024);
  #count = 0;
  /** Of them, as many as lasted when some were taken. */
  #lasting = 0;

  get isFull(): boolean {
    return this.#count - this.#lasting >= MAX_SORTED;
  }

  add(ms: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(2 * this.#count);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count] = ms;
    this.#count += 1;
  }

  /** Those before an instant, ascending; they are not here any more. */
  takeBefore(untilMs: number): Float64Array {
    const sorted = this.#values.subarray(0, this.#count);
    sortEven(sorted);
    let taken = this.#count;
    while (taken > 0 && sorted[taken - 1]! >= untilMs) taken -= 1;
    const before = sorted.slice(0, taken);
    this.#values.copyWithin(0, taken, this.#count);
    this.#count -= taken;
    this.#lasting = this.#count;
    return before;
  }
}

/** Requests to a bucket, on average; a bucket with many more is sorted otherwise. */
const EVEN = 8;

/** Sorts instants that are spread evenly, more or less: into buckets of equal length, and within each. */
function sortEven(values: Float64Array): void {
  const count = Math.floor(values.length / EVEN);
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < values.length; at += 1) {
    if (values[at]! < least) least = values[at]!;
    if (values[at]! > largest) largest = values[at]!;
  }
  const perMs = (count - 1) / (largest - least);
  if (!(count > 1 && Number.isFinite(perMs))) {
    values.sort();
    return;
  }
  const ends = new Uint32Array(count);
  for (let at = 0; at < values.length; at += 1) ends[Math.floor((values[at]! - least) * perMs)]! += 1;
  for (let bucket = 1; bucket < count; bucket += 1) ends[bucket]! += ends[bucket - 1]!;
  const starts = ends.slice();
  const unsorted = values.slice();
  for (let at = 0; at < unsorted.length; at += 1) {
    const bucket = Math.floor((unsorted[at]! - least) * perMs);
    starts[bucket]! -= 1;
    values[starts[bucket]!] = unsorted[at]!;
  }
  for (let bucket = 0; bucket < count; bucket += 1) sortFew(values, starts[bucket]!, ends[bucket]!);
}

/** Sorts the values between two positions: by insertion where they are few. */
function sortFew(values: Float64Array, from: number, to: number): void {
  if (to - from > 4 * EVEN) values.subarray(from, to).sort();
  else
    for (let at = from + 1; at < to; at += 1) {
      const value = values[at]!;
      let before = at - 1;
      for (; before >= from && values[before]! > value; before -= 1) values[before + 1] = values[before]!;
      values[before + 1] = value;
    }
}
