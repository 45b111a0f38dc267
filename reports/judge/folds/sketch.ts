/** Buckets of an octave; the value of one differs from those in it by at most half of its width, 1 in 16,384 (0.006 %). */
const MANTISSA_BITS = 13;
const SHIFT = 20 - MANTISSA_BITS;
/** Octaves from a microsecond in ms up; what is smaller counts as 0, and nothing is larger. */
const MIN_EXPONENT = -10;
const OCTAVES = 48;

const DOUBLE = new Float64Array(1);
const WORDS = new Uint32Array(DOUBLE.buffer);
/** Of the words of a double, the one with its exponent. */
const HIGH = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;
const FIRST = (1023 + MIN_EXPONENT) << MANTISSA_BITS;
const COUNT = OCTAVES << MANTISSA_BITS;

/**
 * Counts of values in buckets of equal relative width, as many octaves as latencies have: a quantile of them differs from that of the values by
 * at most 0.006 %, far less than the interval of one from as many values. The least and the largest value are exact.
 */
export class Sketch {
  readonly #counts = new Uint32Array(COUNT + 1);
  #total = 0;
  #least = Number.POSITIVE_INFINITY;
  #largest = Number.NEGATIVE_INFINITY;

  /** Counts a finite value. */
  add(value: number): void {
    DOUBLE[0] = value;
    const key = value > 0 ? (WORDS[HIGH]! >>> SHIFT) - FIRST + 1 : 0;
    this.#counts[Math.max(0, Math.min(COUNT, key))]! += 1;
    this.#total += 1;
    if (value < this.#least) this.#least = value;
    if (value > this.#largest) this.#largest = value;
  }

  /** Counts the values of another sketch. */
  merge(other: Sketch): void {
    for (let key = 0; key <= COUNT; key += 1) this.#counts[key]! += other.#counts[key]!;
    this.#total += other.#total;
    this.#least = Math.min(this.#least, other.#least);
    this.#largest = Math.max(this.#largest, other.#largest);
  }

  /** Values by rank (1…total), ascending. */
  ranked(): { readonly total: number; at(rank: number): number } {
    const upTo = this.#counts.slice();
    for (let key = 1; key < upTo.length; key += 1) upTo[key]! += upTo[key - 1]!;
    const [total, least, largest] = [this.#total, this.#least, this.#largest];
    const at = (rank: number) => {
      if (rank >= total) return largest;
      if (rank <= 1) return least;
      let [low, high] = [0, upTo.length - 1];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (upTo[middle]! >= rank) high = middle;
        else low = middle + 1;
      }
      return Math.max(least, Math.min(largest, middleOf(low)));
    };
    return { total, at };
  }
}

function middleOf(key: number): number {
  if (key === 0) return 0;
  WORDS[1 - HIGH] = 0;
  WORDS[HIGH] = ((key - 1 + FIRST) << SHIFT) | (1 << (SHIFT - 1));
  return DOUBLE[0]!;
}
