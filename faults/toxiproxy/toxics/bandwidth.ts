import { DelayLine } from './delay-line.ts';
import type { ToxicKind } from './toxic.ts';

/** Maximum piece that is delivered at once, in time on the line, as in Toxiproxy. */
const PIECE_MS = 100;
/** A timer may be this late without affecting the rate: the next piece starts when the last one should have ended. */
const LATENESS_MS = 5;
const MIN_BUFFER_BYTES = 64 * 1024;
const MAX_BUFFER_BYTES = 4 * 1024 * 1024;
const BUFFER_MS = 10;

/**
 * Lets `rate` KB/s through (1 KB = 1,000 bytes, so a rate is bytes per ms), each piece after the time that it takes on
 * the line. A rate of 0 or less is refused: Toxiproxy 2.12 hangs with it.
 */
export const bandwidth: ToxicKind = {
  type: 'bandwidth',
  attributes: ['rate'],
  problem: ({ rate = 0 }) => (rate > 0 ? undefined : 'rate must be greater than 0'),
  start: (attributes, context) => {
    const bytesPerMs = attributes.rate ?? 1;
    const maxBytes = Math.min(MAX_BUFFER_BYTES, Math.max(MIN_BUFFER_BYTES, bytesPerMs * BUFFER_MS));
    const line = new DelayLine(context, { maxBytes, maxChunks: Number.POSITIVE_INFINITY });
    let freeMs = 0;
    const push = (chunk: Uint8Array) => {
      const nowMs = context.clock.nowMs();
      if (freeMs < nowMs - LATENESS_MS) freeMs = nowMs;
      const pieceBytes = bytesPerMs * PIECE_MS;
      for (let from = 0; from < chunk.byteLength; from += pieceBytes) {
        const piece = chunk.subarray(from, from + pieceBytes);
        freeMs += piece.byteLength / bytesPerMs;
        line.add(piece, freeMs);
      }
    };
    return {
      push,
      end: () => line.end(),
      isFull: () => line.isFull(),
      stop: reason => (reason === 'closed' ? line.clear() : line.flush()),
    };
  },
};
