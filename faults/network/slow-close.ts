import { z } from 'zod';
import type { Trace } from '../../harness/host/trace.ts';
import { PROBE_PATH } from '../probe.ts';
import { SLACK_MS, toxicFault, toxicKeys } from './toxic-fault.ts';

/** A probe waits no longer than this for an end. */
const MAX_WAIT_MS = 2000;

/**
 * Delays the end (FIN) of connections that the server closes; responses arrive as before.
 *
 * ```
 * server ── last byte ── FIN ─▶ link ── last byte ─▶ … delay … ── FIN ─▶ client
 * ```
 *
 * A probe that has the server close its connection sees the end at least 0.95 `delay` after the last byte, or not within 2 s, and at most
 * `delay` + 250 ms later than before. Only this direction: how long a client's end takes is seen by the server alone.
 */
export const fault = toxicFault({
  kind: 'slow-close',
  summary: 'Delays the end of connections that the server closes; data is not delayed.',
  parameters: z.object({
    delayMs: z.int().min(50).max(600_000).describe('time from the last byte to the end'),
    toxicity: toxicKeys.toxicity,
  }),
  toxic: ({ delayMs, toxicity }) => ({ kind: 'slow_close', delayMs, toxicity }),
  async expect({ delayMs }, { link, context: { stack }, signal }) {
    const waitMs = Math.min(delayMs + SLACK_MS, MAX_WAIT_MS);
    const request = { path: PROBE_PATH, limitMs: waitMs + 500 };
    const closingMs = ({ endMs, lastByteMs }: Trace) => endMs - lastByteMs;
    const { responses, end } = await stack.trace(link, request, signal);
    if (responses > 0 && end === 'open')
      return `the server behind ${link.name} does not close connections when requested`;
    return {
      request,
      addsMs: delayMs,
      hasEffect(seen, before) {
        const ms = closingMs(seen);
        if (seen.responses === 0 || seen.lastByteMs > before.lastByteMs + SLACK_MS) return false;
        if (seen.end === 'open') return delayMs > MAX_WAIT_MS - SLACK_MS && ms >= MAX_WAIT_MS - SLACK_MS;
        const leastMs = Math.max(0.95 * delayMs, closingMs(before) + delayMs / 2);
        return ms >= leastMs && ms <= closingMs(before) + delayMs + SLACK_MS;
      },
      isAsBefore: (seen, before) =>
        seen.responses > 0 && seen.end !== 'open' && closingMs(seen) <= closingMs(before) + Math.max(delayMs / 2, 20),
      words: seen =>
        seen.end === 'open'
          ? `still open ${Math.round(closingMs(seen))} ms after the last byte`
          : `closed ${Math.round(closingMs(seen))} ms after the last byte`,
    };
  },
});
