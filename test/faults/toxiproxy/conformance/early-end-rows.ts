import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { echo, startUpstream } from '../peers.ts';
import type { Row } from './table.ts';
import { through } from './through.ts';

const MANY = 1000;
const AT_ONCE = 100;

/** A thousand clients each that leave before, or as soon as, they are connected upstream. What is left of them, upstream and of clients. */
export const EARLY_ENDS: readonly Row[] = [
  many('connect and destroy × 1,000', socket => socket.destroy()),
  many('connect and half-close × 1,000', socket => socket.end()),
];

function many(name: string, leave: (socket: Socket) => void): Row {
  return {
    name,
    observe: async column => {
      await using upstream = await startUpstream(echo);
      const row = through(
        name,
        async ({ dial }) => {
          let stuck = 0;
          let left = MANY;
          const clients = Array.from({ length: AT_ONCE }, async () => {
            while (left-- > 0) {
              const socket = await dial();
              const closed = new Promise<boolean>(resolve => socket.once('close', () => resolve(true)));
              socket.resume();
              leave(socket);
              if (!(await Promise.race([closed, sleep(5000, false)]))) stuck += 1;
            }
          });
          await Promise.all(clients);
          const open = () => upstream.sockets.filter(socket => !socket.destroyed).length;
          for (let tries = 0; tries < 100 && open() > 0; tries += 1) await sleep(30);
          return `${open()} open upstream, ${stuck} clients that wait`;
        },
        [],
        async () => upstream.address,
      );
      return row.observe(column);
    },
  };
}
