import type { Check } from '../check.ts';

/** Measures nothing and decides nothing: where a new check starts. */
export const checkNothing: Check = (_objective, { requests }) => ({
  measured: null,
  lower: null,
  upper: null,
  samples: requests.length,
  verdict: 'inconclusive',
  reason: 'This check measures nothing.',
});
