import { z } from 'zod';
import { PROBE_PATH } from '../probe.ts';
import { SLACK_MS, toxicFault } from './toxic-fault.ts';
import { cutWords } from './words.ts';

/**
 * The link is down: its connections are closed, and new ones are refused.
 *
 * Probes are refused, within 250 ms, while the service behind the link responds.
 */
export const fault = toxicFault({
  kind: 'down',
  summary: 'Closes all connections of a link and refuses new ones.',
  parameters: z.object({}),
  cuts: true,
  expect: async () => ({
    request: { path: PROBE_PATH, limitMs: 1000 },
    hasEffect: seen => seen.end === 'refused' && seen.endMs <= SLACK_MS,
    isAsBefore: seen => seen.responses > 0,
    words: cutWords,
  }),
});
