import type { Socket } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import type { ProxyState, ToxiproxyClient } from '../../../faults/toxiproxy/client.ts';
import { clientOf, dial, echo, openProxy, startUpstream, type Upstream } from './peers.ts';
import { type RunningServer, type ServerRow, startServer } from './servers.ts';

/** What the tests of a `describe` share: a fault proxy of a row, its client and an upstream that sends back what it gets. */
export class Bench {
  server!: RunningServer;
  client!: ToxiproxyClient;
  upstream!: Upstream;
  readonly sockets: Socket[] = [];

  /** A new proxy to the upstream. */
  proxy(): Promise<ProxyState> {
    return openProxy(this.client, this.upstream.address);
  }

  /** A connection through a proxy, destroyed at the end. */
  async open(proxy: ProxyState): Promise<Socket> {
    const socket = await dial(proxy.listen);
    this.sockets.push(socket);
    return socket;
  }

  /** Changes attributes of a toxic. */
  patch(proxy: ProxyState, toxic: string, attributes: Readonly<Record<string, number>>): Promise<Response> {
    const path = `/proxies/${encodeURIComponent(proxy.name)}/toxics/${toxic}`;
    return fetch(this.server.apiUrl + path, { method: 'PATCH', body: JSON.stringify({ attributes }) });
  }
}

/** Starts a bench before the tests of this `describe` and ends it after them; nothing for a server that is missing. */
export function benchOf(row: ServerRow): Bench {
  const bench = new Bench();
  beforeAll(async () => {
    if (row.isMissing) return;
    bench.server = await startServer(row);
    bench.upstream = await startUpstream(echo);
    bench.client = clientOf(bench.server.apiUrl);
  }, 15_000);
  afterAll(async () => {
    for (const socket of bench.sockets) socket.destroy();
    await bench.server?.stop();
    await bench.upstream?.[Symbol.asyncDispose]();
  });
  return bench;
}
