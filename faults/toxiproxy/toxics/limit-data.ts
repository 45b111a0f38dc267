import type { ToxicKind } from './toxic.ts';

/**
 * Closes the connection once `bytes` have passed in this direction; a limit of 0 or less closes it at the first chunk. An update counts
 * what has passed before. The close leaves behind the last byte, through the toxics that come after.
 */
export const limitData: ToxicKind = {
  type: 'limit_data',
  attributes: ['bytes'],
  start: (attributes, context) => {
    const maxBytes = attributes.bytes ?? 0;
    let isClosed = false;
    return {
      push: chunk => {
        if (isClosed) return;
        const rest = chunk.subarray(0, Math.max(0, maxBytes - context.passedBytes()));
        if (rest.byteLength > 0) context.push(rest);
        if (context.passedBytes() < maxBytes) return;
        isClosed = true;
        context.close();
      },
      end: () => {
        if (!isClosed) context.end();
      },
      isFull: () => isClosed,
      stop: () => {},
    };
  },
};
