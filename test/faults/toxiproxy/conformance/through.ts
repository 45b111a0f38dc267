import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Column, type Row, send } from './table.ts';

let named = 0;

/** A proxy of its own, to observe connections through it. */
export interface Through {
  readonly dial: () => Promise<Socket>;
  /** A call of the API below the proxy. */
  readonly api: (method: string, path: string, body?: object) => Promise<string>;
}

/** A row with a proxy of its own, its toxics, and an upstream: the shared echo server, or another. */
export function through(
  name: string,
  observe: (through: Through) => Promise<string>,
  toxics: readonly object[] = [],
  upstreamOf: (column: Column) => Promise<string> = async ({ upstream }) => upstream,
): Row {
  return {
    name,
    observe: async column => {
      named += 1;
      const proxy = `c${named}`;
      const api: Through['api'] = (method, path, body) =>
        send(column, { call: `${method} /proxies/${proxy}${path}`, body: body ? JSON.stringify(body) : '' }, 'raw');
      const upstream = await upstreamOf(column);
      const made = { name: proxy, listen: '127.0.0.1:0', upstream };
      const created = await send(column, { call: 'POST /proxies', body: JSON.stringify(made) }, 'raw');
      const port = Number(/"listen":"127\.0\.0\.1:(\d+)"/.exec(created)?.[1]);
      for (const toxic of toxics) {
        const added = await api('POST', '/toxics', toxic);
        if (!added.startsWith('200')) return `could not add it: ${added}`;
      }
      const open: Socket[] = [];
      try {
        return await observe({ dial: () => dialled(port, open), api });
      } finally {
        for (const socket of open) socket.destroy();
        await sleep(20);
        await api('DELETE', '');
      }
    },
  };
}

function dialled(port: number, open: Socket[]): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    open.push(socket);
    socket.once('connect', () => resolve(socket)).on('error', reject);
  });
}
