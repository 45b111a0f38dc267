import { z } from 'zod';
import { attackOf } from './attack.ts';
import { expectationShape, statusViolation } from './script/expectation.ts';
import { openingShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/** Requests with an over-long `User-Agent`: each costs memory and may overflow a parser that trusts its buffers. */
export const attack = attackOf({
  kind: 'long-header',
  summary: 'Sends requests with a User-Agent of 2,048 bytes or more.',
  defaultForMs: 10_000,
  parameters: z.object({
    ...openingShape({ connections: 200, perSecond: 100, path: '/' }),
    headerBytes: z.int().min(1).max(4_000_000).default(2048).describe('length of the User-Agent'),
    ...expectationShape,
  }),
  script: (parameters, target) => {
    const { expect, headerBytes, path } = parameters;
    const headers = ['Connection: close', `User-Agent: ${'a'.repeat(headerBytes)}`];
    const request = `${requestHead(target, 'GET', path, headers)}\r\n`;
    return {
      opening: parameters,
      responses: 1,
      step: (_connection, turn) => (turn === 0 ? { write: request } : {}),
      judge: (_connection, ending) => statusViolation(expect, ending, `User-Agent of ${headerBytes} bytes`),
    };
  },
});
