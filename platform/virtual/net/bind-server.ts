import type { AddressInfo, Server } from 'node:net';
import type { Endpoint } from '../../../harness/host/network.ts';

interface Handle {
  close(): void;
  getsockname(out: Partial<AddressInfo>): number;
  ref(): void;
  unref(): void;
}

/**
 * Makes `server`, of `node:net` or `node:http`, one that listens, so that its own `close`, `address`, `listening` and
 * `closeIdleConnections` work as ever: it is given a handle in place of the machine's, and `listening` is told.
 * @param onClosed called when it stops listening
 */
export function bindServer(server: Server, { host, port }: Endpoint, onClosed: () => void): void {
  const handle: Handle = {
    close: onClosed,
    getsockname: out => {
      Object.assign(out, { address: host, family: 'IPv4', port });
      return 0;
    },
    ref: () => {},
    unref: () => {},
  };
  (server as Server & { _handle: Handle })._handle = handle;
  server.emit('listening');
  // Deadlines of `node:http` run on the machine's time: virtual time has its own.
  const checking = Object.getOwnPropertySymbols(server).find(({ description }) =>
    description?.includes('connectionsChecking'),
  );
  if (checking) clearInterval((server as unknown as Record<symbol, NodeJS.Timeout>)[checking]);
}
