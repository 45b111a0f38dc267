import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { ConnectionUse } from '../../harness/plan.ts';
import { outcomesOf, type RigOptions, rig, startLoad } from './rig.ts';
import { stream } from './server.ts';

/** A server at several addresses of this machine and one port; how many requests each connection carried, by address. */
async function startServers(addresses: readonly string[]) {
  const carried = new Map<Socket, { address: string; requests: number }>();
  const servers: Server[] = [];
  let port = 0;
  for (const address of addresses) {
    const server = createServer((request, response) => {
      const own = carried.get(request.socket) ?? { address, requests: 0 };
      carried.set(request.socket, { address, requests: own.requests + 1 });
      request.resume().on('end', () => stream(response));
    });
    await once(server.listen(port, address), 'listening');
    port = (server.address() as AddressInfo).port;
    servers.push(server);
  }
  return {
    urls: addresses.map(address => `http://${address.includes(':') ? `[${address}]` : address}:${port}`),
    requestsAt: (address: string) =>
      [...carried.values()].filter(own => own.address === address).map(({ requests }) => requests),
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        await once(server.close(), 'close');
      }
    },
  };
}

/** A load on one name that stands for these addresses. */
async function loadName(urls: readonly string[], use?: ConnectionUse, more: Partial<RigOptions> = {}) {
  const clients = use && { clients: { connections: use, retry: null, clientTimeout: null, classes: [] } };
  using prepared = rig({ perSecond: 80, forMs: 1000, ...clients, ...more, targets: urls });
  const origin = `http://localhost:${new URL(urls[0]!).port}`;
  // The name is not looked up again within the first 5 s.
  const lookUp = { hostname: 'localhost', iOwnThisTarget: false };
  await using load = await startLoad({ ...prepared.job, origin, lookUp });
  const { connections } = await load.done;
  return { outcomes: outcomesOf(await prepared.records()), connections: connections! };
}

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

it('shares the requests of a name equally among its addresses, and replaces connections, by default', async () => {
  const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  await using servers = await startServers(addresses);
  const { outcomes, connections } = await loadName(servers.urls);
  expect(outcomes).toEqual({ ok: 80 });
  for (const address of addresses) {
    const carried = servers.requestsAt(address);
    expect(sum(carried)).toBeGreaterThanOrEqual(26);
    expect(Math.max(...carried)).toBeLessThanOrEqual(10);
    expect(carried.length).toBeGreaterThanOrEqual(3);
    expect(connections.addresses[address]).toBe(carried.length);
  }
});

it.each<[ConnectionUse, number, number]>([
  [{ kind: 'fresh', maxRequests: 1 }, 80, 1],
  // In an open loop each arrival is another user.
  [{ kind: 'per-user', maxRequests: null }, 80, 1],
  [{ kind: 'reuse', maxRequests: 4 }, 20, 4],
])('opens connections as %j says', async (use, opened, maxRequests) => {
  await using servers = await startServers(['127.0.0.1']);
  const { outcomes, connections } = await loadName(servers.urls, use);
  expect(outcomes).toEqual({ ok: 80 });
  expect(connections.opened).toBeGreaterThanOrEqual(opened);
  expect(connections.opened).toBeLessThan(opened * 1.5);
  expect(connections.maxRequests).toBe(maxRequests);
  expect(Math.max(...servers.requestsAt('127.0.0.1'))).toBe(maxRequests);
});

it('keeps the connection of each user of a closed loop', async () => {
  await using servers = await startServers(['127.0.0.1']);
  const users = { fromPerSecond: 0, toPerSecond: 0, fromUsers: 3, toUsers: 3 };
  const closed: Partial<RigOptions> = {
    arrivals: { kind: 'closed', thinkTimeMs: [50, 50] },
    ramps: [{ name: 'steady', fromMs: 0, toMs: 1000, ...users }],
  };
  const { connections } = await loadName(servers.urls, { kind: 'per-user', maxRequests: null }, closed);
  expect(connections.opened).toBe(3);
  expect(connections.maxRequests).toBeGreaterThan(5);
});

it('speaks to an IPv6 address, and users of a name survive an address at which nobody listens', async ({ skip }) => {
  await using servers = await startServers(['::1']).catch(() => skip('no IPv6 on this machine'));
  expect((await loadName(servers.urls)).outcomes).toEqual({ ok: 80 });
  const port = new URL(servers.urls[0]!).port;
  const { outcomes, connections } = await loadName([`http://127.0.0.4:${port}`, ...servers.urls]);
  expect(outcomes).toEqual({ ok: 80 });
  expect(Object.keys(connections.addresses)).toEqual(['::1']);
});
