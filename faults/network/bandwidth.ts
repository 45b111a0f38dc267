import { z } from 'zod';
import type { Trace } from '../../harness/host/trace.ts';
import { SLACK_MS, toxicFault, toxicKeys } from './toxic-fault.ts';
import { formatBytes, requestFor } from './traffic.ts';

/** Time for which a probe is on the line, at least. */
const PROBE_MS = 150;
const LIMIT_MS = 2000;

/**
 * Limits the rate of each connection in one direction.
 *
 * A probe moves what takes 150 ms at that rate, or more. Its effect: the probe takes at least 0.9 times what its bytes take at that rate,
 * and half of that longer than before; at most 1.3 times as long as the rate explains, plus 250 ms.
 */
export const fault = toxicFault({
  kind: 'bandwidth',
  summary: 'Limits the rate of each connection in one direction of a link.',
  parameters: z.object({
    rateKBps: z.int().min(1).max(10_000).describe('of each connection'),
    ...toxicKeys,
  }),
  toxic: ({ rateKBps, stream, toxicity }) => ({ kind: 'bandwidth', rateKBps, stream, toxicity }),
  async expect({ rateKBps, stream }, survey) {
    // 1 KB/s is 1 byte a ms.
    const minBytes = rateKBps * PROBE_MS;
    const request = await requestFor({ stream, minBytes, maxCount: 100, limitMs: LIMIT_MS, isSlow: true }, survey);
    if (typeof request === 'string') return request;
    const movedBytes = ({ bytes, answeredBytes }: Trace) => (stream === 'downstream' ? bytes : answeredBytes);
    const onLineMs = (trace: Trace) => movedBytes(trace) / rateKBps;
    return {
      request,
      addsMs: PROBE_MS,
      hasEffect(seen, before) {
        const lineMs = onLineMs(seen);
        const leastMs = Math.max(0.9 * lineMs, before.lastByteMs + lineMs / 2);
        return (
          lineMs >= PROBE_MS / 3 &&
          seen.lastByteMs >= leastMs &&
          seen.lastByteMs <= before.lastByteMs + 1.3 * lineMs + SLACK_MS
        );
      },
      isAsBefore: (seen, before) =>
        seen.responses >= before.responses && seen.lastByteMs <= before.lastByteMs + Math.max(onLineMs(seen) / 2, 20),
      words: seen => `${formatBytes(movedBytes(seen))} in ${Math.round(seen.lastByteMs)} ms`,
    };
  },
});
