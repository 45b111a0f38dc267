import { DelayLine } from './delay-line.ts';
import type { ToxicKind } from './toxic.ts';

/** Passes data on at once, and the end `delay` ms after it came. An update starts the delay again, removal ends it. */
export const slowClose: ToxicKind = {
  type: 'slow_close',
  attributes: ['delay'],
  start: (attributes, context) => {
    const line = new DelayLine(context, { maxBytes: Number.POSITIVE_INFINITY, maxChunks: Number.POSITIVE_INFINITY });
    return {
      push: chunk => context.push(chunk),
      end: () => line.end(context.clock.nowMs() + (attributes.delay ?? 0)),
      isFull: () => false,
      stop: reason => (reason === 'removed' ? line.flush() : line.clear()),
    };
  },
};
