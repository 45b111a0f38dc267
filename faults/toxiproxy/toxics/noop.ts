import type { ToxicKind } from './toxic.ts';

/** Passes everything through: the template of a new kind. */
export const noop: ToxicKind = {
  type: 'noop',
  attributes: [],
  start: (_attributes, context) => ({
    push: chunk => context.push(chunk),
    end: () => context.end(),
    isFull: () => false,
    stop: () => {},
  }),
};
