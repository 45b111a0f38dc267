import { z } from 'zod';
import { PROBE_PATH, silenceMs } from '../probe.ts';
import { SLACK_MS, toxicFault, toxicKeys } from './toxic-fault.ts';
import { cutWords } from './words.ts';

const MAX_WAIT_MS = 2000;

/**
 * A black hole: what is sent in one direction is lost, and connections stay open, for ever or until nothing was sent for `timeout`.
 *
 * A probe gets no byte for 1 s (or half of a shorter fault), or its connection is closed after at least 0.95 `timeout`, and at most
 * `timeout` + 250 ms later than its response came before, while the service behind the link responds. Healing closes the connections,
 * since they have lost bytes.
 */
export const fault = toxicFault({
  kind: 'timeout',
  summary: 'A black hole: data of one direction is lost, and connections stay open, or are closed after a time.',
  parameters: z.object({
    timeoutMs: z
      .int()
      .min(1)
      .max(600_000)
      .optional()
      .describe('time without data after which it closes; by default never'),
    ...toxicKeys,
  }),
  cuts: true,
  toxic: ({ timeoutMs = 0, stream, toxicity }) => ({ kind: 'timeout', timeoutMs, stream, toxicity }),
  async expect({ timeoutMs }, { context: { forMs } }) {
    const closes = timeoutMs !== undefined && timeoutMs <= MAX_WAIT_MS;
    const limitMs = closes ? timeoutMs + 2 * SLACK_MS : silenceMs(forMs);
    return {
      // The first of two, since the toxic passes the end of a connection that the server closes.
      request: { path: PROBE_PATH, limitMs, count: 2 },
      hasEffect(seen, before) {
        if (seen.bytes > 0) return false;
        if (!closes) return seen.end === 'open';
        const isClosed = seen.end === 'closed' || seen.end === 'reset';
        const mostMs = before.lastByteMs + timeoutMs + SLACK_MS;
        return isClosed && seen.endMs >= 0.95 * timeoutMs && seen.endMs <= mostMs;
      },
      isAsBefore: seen => seen.responses > 0,
      words: cutWords,
    };
  },
});
