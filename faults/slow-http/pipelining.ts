import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { holdingOpening, holdingShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * Sends whole batches of requests on each connection without waiting for answers: work queues up behind one connection, past any
 * limit that counts connections.
 */
export const attack = attackOf({
  kind: 'pipelining',
  summary: 'Sends batches of requests on each connection without waiting for their answers.',
  defaultForMs: 10_000,
  needsModel: false,
  parameters: z.object({
    ...holdingShape({ connections: 50, perSecond: 50, path: '/' }),
    batch: z.int().min(2).max(10_000).default(100).describe('requests of each batch'),
    intervalMs: z.number().min(10).max(600_000).default(500).describe('between two batches of a connection'),
  }),
  script: (parameters, target) => {
    const request = `${requestHead(target, 'GET', parameters.path)}\r\n`.repeat(parameters.batch);
    return {
      opening: holdingOpening(parameters),
      read: 'all',
      answers: null,
      step: () => ({ write: request, againMs: parameters.intervalMs }),
    };
  },
});

/** The same in a scenario. */
export const fault = attackFault(attack);
