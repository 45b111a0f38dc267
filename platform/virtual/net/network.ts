import { isIP, type Server } from 'node:net';
import { Agent, fetch as fetchBy } from 'undici';
import type { ConnectOptions, Endpoint, Network } from '../../../harness/host/network.ts';
import type { Random } from '../../../harness/random.ts';
import { VirtualClock } from '../../../harness/virtual/virtual-clock.ts';
import type { VirtualTime } from '../../../harness/virtual/virtual-time.ts';
import { connectorOver } from '../../../stack/connector.ts';
import { bindServer } from './bind-server.ts';
import { type CpuCosts, type Listener, NO_COSTS, VirtualHost } from './host.ts';
import { DEFAULT_PATH, Direction, type PathSettings } from './path.ts';
import { asSocket, VirtualSocket } from './socket.ts';
import { socketError, type Wire } from './wire.ts';

/** Established connections that wait to be accepted, as Node asks of a kernel; a further one gets no response. */
const DEFAULT_BACKLOG = 511;
/** Wait before a kernel tries again to open a connection that a full backlog ignored, in ms. */
const FULL_RETRY_MS = 1000;
/** Time after which a kernel gives up to connect, in ms: six retransmissions. */
const CONNECT_LIMIT_MS = 127_000;

/** A connection being opened, and the two directions of it. */
interface Opening {
  readonly from: VirtualHost;
  readonly client: VirtualSocket;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly out: Direction;
  readonly back: Direction;
  readonly path: () => PathSettings;
  readonly giveUp: () => void;
}

/** One end of a connection. */
interface End {
  readonly socket: VirtualSocket;
  readonly host: VirtualHost;
  /** Of what it reads and writes. */
  readonly costs: CpuCosts;
}

/** Hosts by address, and the paths between them. */
export class VirtualInternet {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #defaults: PathSettings;
  readonly #hosts = new Map<string, VirtualHost>();
  readonly #paths = new Map<string, PathSettings>();
  readonly #directions = new Map<string, Set<Direction>>();
  #connections = 0;

  constructor(time: VirtualTime, random: Random, defaults: Partial<PathSettings> = {}) {
    this.#time = time;
    this.#random = random;
    this.#defaults = { ...DEFAULT_PATH, ...defaults };
  }

  /** Adds a host; one that had its address before is dead. */
  addHost(name: string, address: string, costs: CpuCosts = NO_COSTS): VirtualHost {
    this.#hosts.get(address)?.kill();
    const host = new VirtualHost(this.#time, { name, address, costs });
    this.#hosts.set(address, host);
    return host;
  }

  /** Changes the path between two addresses, both ways. What was lost is sent again some time after it is open. */
  setPath(a: string, b: string, settings: Partial<PathSettings>): void {
    const key = pathKey(a, b);
    this.#paths.set(key, { ...this.#path(key), ...settings });
    if (this.#path(key).mode !== 'drop') for (const direction of this.#directions.get(key) ?? []) direction.reopened();
  }

  /** Everything that is open, for the error of a deadlock. */
  describe(): string[] {
    return [...this.#hosts.values()].flatMap(({ name, state, listeners, sockets }) =>
      state === 'dead'
        ? []
        : [`${name}: ${sockets.size} connections, listening on ${[...listeners.keys()].join(', ') || 'nothing'}`],
    );
  }

  /** Connections of which one end only is still open, as `host:port → host:port` with the name of the host that holds it. */
  halfOpen(): string[] {
    const ends = [...this.#hosts.values()].flatMap(host => [...host.sockets].map(socket => ({ host, socket })));
    const nameOf = ({ socket }: (typeof ends)[number]) => `${socket.localAddress}:${socket.localPort}`;
    const peerOf = ({ socket }: (typeof ends)[number]) => `${socket.remoteAddress}:${socket.remotePort}`;
    const known = new Set(ends.map(end => `${nameOf(end)} ${peerOf(end)}`));
    return ends
      .filter(end => !end.socket.connecting && !known.has(`${peerOf(end)} ${nameOf(end)}`))
      .map(end => `${end.host.name}: ${nameOf(end)} → ${peerOf(end)}`);
  }

  /** The network as a program on `host` sees it. */
  networkOf(host: VirtualHost): Network {
    const network: Network = {
      connect: options => asSocket(this.#connect(host, options)),
      connectTls: () => {
        throw new Error('There is no TLS in virtual time');
      },
      splice: (source, to) => {
        const from = source as unknown as VirtualSocket;
        from.spliceTo(to as unknown as VirtualSocket);
        return () => from.spliceTo(undefined);
      },
      listen: async (server, endpoint, backlog) => listenOn(host, server, endpoint, backlog),
      lookup: async name => {
        if (isIP(name)) return [name];
        const details = { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname: name };
        throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), details);
      },
      fetch: ((input: string, init?: object) =>
        fetchBy(input, { ...init, dispatcher: agent })) as unknown as typeof fetch,
    };
    const clock = new VirtualClock(this.#time, host);
    const agent = new Agent({ connect: connectorOver({ clock, network }, CONNECT_LIMIT_MS) });
    return network;
  }

  #path(key: string): PathSettings {
    return this.#paths.get(key) ?? this.#defaults;
  }

  #connect(from: VirtualHost, options: ConnectOptions): VirtualSocket {
    const time = this.#time;
    const peer = { ...options, host: options.host.startsWith('127.') ? from.address : options.host };
    const local = { host: from.address, port: from.takePort() };
    const key = pathKey(from.address, peer.host);
    const path = () => this.#path(key);
    this.#connections += 1;
    const random = this.#random.stream(`connection-${this.#connections}`);
    const out = new Direction(time, random.stream('out'), path);
    const back = new Direction(time, random.stream('back'), path);
    const directions = this.#directions.get(key) ?? new Set();
    this.#directions.set(key, directions.add(out).add(back));
    const client: VirtualSocket = new VirtualSocket(time, from, local, peer, () => {
      from.sockets.delete(client);
      from.releasePort(local.port);
      directions.delete(out);
      directions.delete(back);
    });
    from.sockets.add(client);
    const giveUp = time.after(CONNECT_LIMIT_MS, () => client.refused(socketError('ETIMEDOUT', 'connect', peer)), from);
    const opening = { from, client, local, peer, out, back, path, giveUp };
    from.spend(from.costs.connectionMs);
    out.send(0, () => this.#synArrived(opening), undefined, true, from.sendsAtMs());
    return client;
  }

  #synArrived(opening: Opening): void {
    const { from, client, peer, out, back, path, giveUp } = opening;
    const to = this.#hosts.get(peer.host);
    if (!to) return; // Nobody is there to respond.
    const listener = to.listeners.get(peer.port);
    if (!listener || path().mode === 'reset') {
      const refuse = () => {
        giveUp();
        client.refused(socketError('ECONNREFUSED', 'connect', peer));
      };
      back.send(0, refuse, from);
      return;
    }
    if (listener.waiting > listener.backlog) {
      this.#time.after(FULL_RETRY_MS, () => out.send(0, () => this.#synArrived(opening), undefined, true));
      return;
    }
    listener.waiting += 1;
    const server = this.#serverSocket(opening, to, listener);
    const [clientEnd, serverEnd]: [End, End] = [
      { socket: client, host: from, costs: NO_COSTS },
      { socket: server, host: to, costs: to.costs },
    ];
    server.queued(this.#wire(serverEnd, clientEnd, back, path));
    back.send(
      0,
      () => {
        giveUp();
        const forget = () => {
          listener.waiting -= 1;
          to.sockets.delete(server);
        };
        if (client.destroyed) {
          out.send(0, forget);
          return;
        }
        out.send(0, () => this.#accept(server, to, listener), to);
        client.established(this.#wire(clientEnd, serverEnd, out, path));
      },
      from,
    );
  }

  #serverSocket({ local, peer }: Opening, to: VirtualHost, { server }: Listener): VirtualSocket {
    const { allowHalfOpen } = server as Server & { allowHalfOpen: boolean };
    const socket: VirtualSocket = new VirtualSocket(this.#time, to, peer, { ...local, allowHalfOpen }, () =>
      to.sockets.delete(socket),
    );
    to.sockets.add(socket);
    return socket;
  }

  #accept(socket: VirtualSocket, to: VirtualHost, listener: Listener): void {
    listener.waiting -= 1;
    to.spend(to.costs.connectionMs);
    const { server } = listener;
    // The port is closed, and with it what was not accepted.
    if (to.listeners.get(socket.localPort!) === listener)
      socket.acceptedBy(server as Parameters<VirtualSocket['acceptedBy']>[0]);
    else socket.abandon();
  }

  /** What `from` hands to `to` when it arrives. */
  #wire(from: End, to: End, direction: Direction, path: () => PathSettings): Wire {
    const { host } = to;
    let isReadDue = false;
    let onTheirWay = 0;
    const read = () => {
      isReadDue = false;
      host.spend(to.costs.requestMs);
      to.socket.readArrived();
    };
    // A program that is busy or frozen later reads at once what its kernel has taken in. A dead program's kernel still responds.
    const takeIn = (chunk: Buffer) => {
      onTheirWay -= 1;
      if (!to.socket.takesIn(chunk) || isReadDue) return;
      if (this.#time.isFree(host)) return this.#time.happen(host, read);
      isReadDue = true;
      this.#time.afterOthers(host, read);
    };
    const send = (bytes: number, arrive: () => void, isOfKernel = false, sentMs = from.host.sendsAtMs()) => {
      if (path().mode === 'reset') {
        to.socket.receivedRst();
        from.socket.receivedRst();
      } else {
        const owner = isOfKernel || host.state === 'dead' ? undefined : host;
        direction.send(bytes, arrive, owner, false, sentMs);
      }
    };
    return {
      data: (chunk, sentMs) => {
        from.host.spend(from.costs.chunkMs);
        const { byteLength } = chunk;
        const isOpen = onTheirWay === 0 && !direction.hasLost && path().mode === 'open';
        const next = isOpen && host.state === 'running' ? to.socket.next(byteLength) : undefined;
        if (next) {
          next.send(chunk, direction.arrivalMs(byteLength, sentMs ?? from.host.sendsAtMs()));
          return;
        }
        onTheirWay += 1;
        send(byteLength, () => takeIn(chunk), true, sentMs);
      },
      fin: () => send(0, () => to.socket.receivedFin()),
      rst: () => send(0, () => to.socket.receivedRst()),
      read: bytes => send(0, () => to.socket.peerRead(bytes)),
    };
  }
}

function pathKey(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}

function listenOn(
  host: VirtualHost,
  server: Server,
  { host: address, port: wanted }: Endpoint,
  backlog = DEFAULT_BACKLOG,
): Endpoint {
  const port = wanted === 0 ? host.takePort() : wanted;
  if (host.listeners.has(port)) {
    const message = `listen EADDRINUSE: address already in use ${address}:${port}`;
    throw Object.assign(new Error(message), { code: 'EADDRINUSE', errno: -98, syscall: 'listen', address, port });
  }
  host.listeners.set(port, { server, backlog, waiting: 0 });
  const endpoint = { host: host.address, port };
  bindServer(server, endpoint, () => {
    host.listeners.delete(port);
    host.releasePort(port);
  });
  return endpoint;
}
