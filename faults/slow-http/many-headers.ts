import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { askingOpening, openingShape } from './script/opening.ts';
import { refusedWith, statusShape } from './script/refusal.ts';
import { requestHead } from './script/request-text.ts';

/** Requests with thousands of small headers: each is an entry in a table, and names that collide make slow ones. */
export const attack = attackOf({
  kind: 'many-headers',
  summary: 'Sends requests with thousands of header lines.',
  defaultForMs: 10_000,
  needsModel: false,
  parameters: z.object({
    ...openingShape({ connections: 200, perSecond: 100, path: '/' }),
    headers: z.int().min(1).max(100_000).default(5000).describe('header lines of each request'),
    ...statusShape(),
  }),
  script: (parameters, target) => {
    const lines = Array.from({ length: parameters.headers }, (_, index) => `X-${index}: ${index}`);
    const request = `${requestHead(target, 'GET', parameters.path, ['Connection: close', ...lines])}\r\n`;
    return {
      opening: askingOpening(parameters),
      read: 'all',
      answers: 1,
      step: (_connection, turn) => (turn === 0 ? { write: request } : {}),
      judge: (_connection, ending) => refusedWith(parameters.expect, ending, `${parameters.headers} header lines`),
    };
  },
});

/** The same in a scenario. */
export const fault = attackFault(attack);
