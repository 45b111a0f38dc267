import type { Difference } from './table.ts';

/** Every difference of ours that is meant. */
export const DIFFERENCES: readonly Difference[] = [
  {
    row: 'bytes: an end is passed on, and comes back',
    ours: 'last words, end',
    theirs: 'Error: closed after 0 of 10 bytes',
    why: 'half-close is kept: what a client still waits for arrives after its own end (2.12 closes both directions)',
  },
];
