import { z } from 'zod';
import { attackOf } from './attack.ts';
import { expectationShape, statusViolation } from './script/expectation.ts';
import { openingShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/** Requests with thousands of small headers: each is an entry in a hash table, which colliding names make slow. */
export const attack = attackOf({
  kind: 'many-headers',
  summary: 'Sends requests with thousands of header lines.',
  defaultForMs: 10_000,
  parameters: z.object({
    ...openingShape({ connections: 200, perSecond: 100, path: '/' }),
    headers: z.int().min(1).max(100_000).default(5000).describe('header lines per request'),
    ...expectationShape,
  }),
  script: (parameters, target) => {
    const { expect, headers, path } = parameters;
    const lines = Array.from({ length: headers }, (_, index) => `X-${index}: ${index}`);
    const request = `${requestHead(target, 'GET', path, ['Connection: close', ...lines])}\r\n`;
    return {
      opening: parameters,
      responses: 1,
      step: (_connection, turn) => (turn === 0 ? { write: request } : {}),
      judge: (_connection, ending) => statusViolation(expect, ending, `${headers} header lines`),
    };
  },
});
