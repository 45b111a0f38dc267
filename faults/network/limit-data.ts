import { z } from 'zod';
import type { Trace } from '../../harness/host/trace.ts';
import { bytesKey, toxicFault, toxicKeys } from './toxic-fault.ts';
import { requestFor } from './traffic.ts';
import { cutWords } from './words.ts';

const LIMIT_MS = 2000;

/**
 * Closes each connection once `limit` bytes have passed in one direction, in the middle of a response or not.
 *
 * A probe moves more than that. From the server, exactly `limit` bytes arrive before the end; towards it, the requests that get a
 * response have at most `limit` bytes, and one more would have exceeded it. The service behind the link responds.
 */
export const fault = toxicFault({
  kind: 'limit-data',
  summary: 'Closes each connection after a number of bytes in one direction.',
  parameters: z.object({
    limitBytes: bytesKey(1, 10_000_000).describe('bytes that pass on each connection'),
    ...toxicKeys,
  }),
  cuts: true,
  toxic: ({ limitBytes: bytes, stream, toxicity }) => ({ kind: 'limit_data', bytes, stream, toxicity }),
  async expect({ limitBytes, stream }, survey) {
    // Lengths of responses vary.
    const minBytes = Math.ceil(1.1 * limitBytes) + 64;
    const traffic = { stream, minBytes, maxCount: 100, limitMs: LIMIT_MS };
    const request = await requestFor(traffic, survey);
    if (typeof request === 'string') return request;
    const isEnded = ({ end }: Trace) => end === 'closed' || end === 'reset';
    const isExact = ({ bytes, answeredBytes, sentBytes }: Trace) =>
      stream === 'downstream' ? bytes === limitBytes : answeredBytes <= limitBytes && sentBytes >= limitBytes;
    return {
      request,
      hasEffect: seen => isEnded(seen) && seen.responses < request.count! && isExact(seen),
      isAsBefore: (seen, before) => seen.responses >= before.responses,
      words: seen =>
        seen.responses === request.count
          ? `${request.count} responses, ${seen.bytes} bytes received, ${seen.sentBytes} sent`
          : `${cutWords({ ...seen, responses: 0 })}, ${seen.sentBytes} bytes sent`,
    };
  },
});
