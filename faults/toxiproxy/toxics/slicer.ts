import type { Random } from '../../../harness/random.ts';
import { DelayLine } from './delay-line.ts';
import type { ToxicKind } from './toxic.ts';

/** One chunk at a time, as in Toxiproxy. */
const LIMITS = { maxBytes: 1, maxChunks: Number.POSITIVE_INFINITY };

/**
 * Cuts each chunk into pieces of about `average_size` ± `size_variation` bytes, `delay` µs apart. Pieces that are due within one
 * millisecond, the resolution of a timer, are written one after another. Sizes that make Toxiproxy 2.12 crash (a mean of 0, a variation
 * above the mean) are refused.
 */
export const slicer: ToxicKind = {
  type: 'slicer',
  attributes: ['average_size', 'size_variation', 'delay'],
  problem: ({ average_size: average = 0, size_variation: variation = 0 }) => {
    if (average <= 0) return 'average_size must be greater than 0';
    return variation < 0 || variation > average ? 'size_variation must be between 0 and average_size' : undefined;
  },
  start: (attributes, context) => {
    const { average_size: averageBytes = 0, size_variation: variationBytes = 0, delay = 0 } = attributes;
    const line = new DelayLine(context, LIMITS);
    const gapMs = Math.max(0, delay) / 1000;
    let nextMs = 0;
    return {
      push: chunk => {
        nextMs = Math.max(nextMs, context.clock.nowMs());
        let from = 0;
        for (const to of cutsOf(chunk.byteLength, averageBytes, variationBytes, context.random)) {
          line.add(chunk.subarray(from, to), nextMs);
          nextMs += gapMs;
          from = to;
        }
      },
      end: () => line.end(nextMs),
      isFull: () => line.isFull(),
      stop: reason => (reason === 'closed' ? line.clear() : line.flush()),
    };
  },
};

/** Ends of the pieces: halves, and halves of these, until a piece is at most `averageBytes + variationBytes` long. */
function cutsOf(length: number, averageBytes: number, variationBytes: number, random: Random): number[] {
  const cuts: number[] = [];
  const cut = (from: number, to: number): void => {
    if (to - from <= Math.max(1, averageBytes + variationBytes)) {
      cuts.push(to);
      return;
    }
    const offset = variationBytes > 0 ? Math.floor(random.next() * 2 * variationBytes) - variationBytes : 0;
    const middle = Math.min(to - 1, Math.max(from + 1, from + Math.floor((to - from) / 2) + offset));
    cut(from, middle);
    cut(middle, to);
  };
  cut(0, length);
  return cuts;
}
