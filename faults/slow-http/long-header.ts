import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { askingOpening, openingShape } from './script/opening.ts';
import { refusedWith, statusShape } from './script/refusal.ts';
import { requestHead } from './script/request-text.ts';

/** Requests with a `User-Agent` that is too long: memory for each, and a way into parsers that trust their buffers. */
export const attack = attackOf({
  kind: 'long-header',
  summary: 'Sends requests with a User-Agent of 2,048 bytes or more.',
  defaultForMs: 10_000,
  needsModel: false,
  parameters: z.object({
    ...openingShape({ connections: 200, perSecond: 100, path: '/' }),
    headerBytes: z.int().min(1).max(4_000_000).default(2048).describe('length of the User-Agent'),
    ...statusShape(),
  }),
  script: (parameters, target) => {
    const request = `${requestHead(target, 'GET', parameters.path, [
      'Connection: close',
      `User-Agent: ${'a'.repeat(parameters.headerBytes)}`,
    ])}\r\n`;
    return {
      opening: askingOpening(parameters),
      read: 'all',
      answers: 1,
      step: (_connection, turn) => (turn === 0 ? { write: request } : {}),
      judge: (_connection, ending) =>
        refusedWith(parameters.expect, ending, `a User-Agent of ${parameters.headerBytes} bytes`),
    };
  },
});

/** The same in a scenario. */
export const fault = attackFault(attack);
