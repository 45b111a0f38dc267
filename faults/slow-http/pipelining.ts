import { z } from 'zod';
import { attackOf } from './attack.ts';
import { openingShape, reopenShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * Sends batches of requests on each connection without waiting for responses: work queues up behind one connection, unnoticed by limits
 * that count connections.
 */
export const attack = attackOf({
  kind: 'pipelining',
  summary: 'Sends batches of requests on each connection without waiting for responses.',
  defaultForMs: 10_000,
  parameters: z.object({
    ...openingShape({ connections: 50, perSecond: 50, path: '/' }),
    ...reopenShape,
    batch: z.int().min(2).max(10_000).default(100).describe('requests per batch'),
    intervalMs: z.number().min(10).max(600_000).default(500).describe('interval between two batches of a connection'),
  }),
  script: (parameters, target) => {
    const { batch, intervalMs, path } = parameters;
    const write = `${requestHead(target, 'GET', path)}\r\n`.repeat(batch);
    return { opening: parameters, step: () => ({ write, intervalMs }) };
  },
});
