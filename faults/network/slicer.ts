import { z } from 'zod';
import type { Trace } from '../../harness/host/trace.ts';
import { bytesKey, SLACK_MS, toxicFault, toxicKeys } from './toxic-fault.ts';
import { formatBytes, requestFor } from './traffic.ts';

/** Time that the pieces of a probe take, at least. */
const PROBE_MS = 60;
const LIMIT_MS = 2000;
/** Chunks of a TLS handshake, at most. The delay behind the last piece of each, and of each response, is not waited for. */
const CHUNKS = 3;
/** Time by which a piece is later than its delay, on a busy machine. */
const PIECE_SLACK_MS = 2;

/**
 * Cuts what is sent in one direction into small pieces with a delay between them, as a slow network does.
 *
 * Of a probe with b bytes, at least b / (`averageSize` + `sizeVariation`) pieces pass, and at most 2 b / (`averageSize` −
 * `sizeVariation`): it takes between the former and the latter number of delays longer than before, plus 2 ms a piece and 250 ms.
 */
export const fault = toxicFault({
  kind: 'slicer',
  summary: 'Cuts data of one direction into small pieces with a delay between them.',
  parameters: z
    .object({
      averageSizeBytes: bytesKey(1, 1_000_000).describe('of a piece'),
      sizeVariationBytes: bytesKey(0, 1_000_000).default(0).describe('by which pieces differ from it'),
      delayMs: z.number().min(0.1).max(500).default(10).describe('between two pieces'),
      ...toxicKeys,
    })
    .refine(({ averageSizeBytes, sizeVariationBytes }) => sizeVariationBytes < averageSizeBytes, {
      // As a scenario file names them.
      path: ['sizeVariation'],
      message: 'expected less than `averageSize`',
    }),
  toxic: ({ averageSizeBytes: sizeBytes, sizeVariationBytes: variationBytes, delayMs, stream, toxicity }) => {
    const delayMicros = Math.round(delayMs * 1000);
    return { kind: 'slicer', sizeBytes, variationBytes, delayMicros, stream, toxicity };
  },
  async expect({ averageSizeBytes, sizeVariationBytes, delayMs, stream }, survey) {
    const maxPiece = averageSizeBytes + sizeVariationBytes;
    const minPiece = Math.max(1, (averageSizeBytes - sizeVariationBytes) / 2);
    const minBytes = maxPiece * (CHUNKS + Math.ceil(PROBE_MS / delayMs));
    const traffic = { stream, minBytes, idleBytes: maxPiece, maxCount: 30, limitMs: LIMIT_MS };
    const request = await requestFor(traffic, survey);
    if (typeof request === 'string') return request;
    const { count = 1 } = request;
    const bytesOf = ({ bytes, answeredBytes }: Trace) => (stream === 'downstream' ? bytes : answeredBytes);
    const leastMs = (trace: Trace) => (bytesOf(trace) / maxPiece - count - CHUNKS) * delayMs;
    return {
      request,
      addsMs: PROBE_MS,
      hasEffect(seen, before) {
        const pieces = bytesOf(seen) / minPiece;
        const mostMs = before.lastByteMs + pieces * (delayMs + PIECE_SLACK_MS) + SLACK_MS;
        const least = Math.max(leastMs(seen), before.lastByteMs + leastMs(seen) / 2, delayMs);
        return seen.bytes > 0 && seen.lastByteMs >= least && seen.lastByteMs <= mostMs;
      },
      isAsBefore: (seen, before) =>
        seen.responses >= before.responses && seen.lastByteMs <= before.lastByteMs + Math.max(PROBE_MS / 2, 20),
      words: seen => `${formatBytes(bytesOf(seen))} in ${Math.round(seen.lastByteMs)} ms`,
    };
  },
});
