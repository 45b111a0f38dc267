import { z } from 'zod';
import { PROBE_PATH } from '../probe.ts';
import { SLACK_MS, toxicFault, toxicKeys } from './toxic-fault.ts';
import { cutWords } from './words.ts';

/**
 * Resets each connection (TCP RST) once something was sent in one direction, at once or after `timeout`; nothing arrives.
 *
 * A probe is reset without a byte, after at least 0.95 `timeout` and at most `timeout` + 250 ms later than its response came before,
 * while the service behind the link responds. The real Toxiproxy 2.12 closes connections that were open before (FIN) instead of
 * resetting them. Healing closes the connections.
 */
export const fault = toxicFault({
  kind: 'reset-peer',
  summary: 'Resets connections (TCP RST) at the first data in one direction, at once or after a time.',
  parameters: z.object({
    timeoutMs: z.int().min(0).max(3000).default(0).describe('time from the first data to the reset'),
    ...toxicKeys,
  }),
  cuts: true,
  toxic: ({ timeoutMs, stream, toxicity }) => ({ kind: 'reset_peer', timeoutMs, stream, toxicity }),
  expect: async ({ timeoutMs }) => ({
    request: { path: PROBE_PATH, limitMs: timeoutMs + 1000 },
    hasEffect: (seen, before) =>
      seen.end === 'reset' &&
      seen.bytes === 0 &&
      seen.endMs >= 0.95 * timeoutMs &&
      seen.endMs <= before.lastByteMs + timeoutMs + SLACK_MS,
    isAsBefore: seen => seen.responses > 0,
    words: cutWords,
  }),
});
