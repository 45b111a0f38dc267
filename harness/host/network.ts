import { lookup } from 'node:dns/promises';
import { type AddressInfo, connect as connectTcp, type OnReadOpts, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../clock.ts';

/** Address of a TCP endpoint. `host` is an IP address; empty to listen on all. */
export interface Endpoint {
  readonly host: string;
  /** 1–65,535; 0 to listen on any free one. */
  readonly port: number;
}

/** What a connection is opened with. */
export interface ConnectOptions extends Endpoint {
  /** Address of this machine to connect from. @default any */
  readonly localAddress?: string;
  /** Whether the end of the peer leaves the own direction open. @default false */
  readonly allowHalfOpen?: boolean;
  /** Whether small writes are sent at once. @default false */
  readonly noDelay?: boolean;
  /** Buffer that every read is copied to, and who is told of it, in place of `data`. @default a buffer for each read, and `data` */
  readonly onread?: OnReadOpts;
}

/**
 * The only source of connections. Whoever opens a socket or listens is passed a network, so that the same code runs over the machine's
 * TCP and, under virtual time, over sockets in memory.
 */
export interface Network {
  /** Starts to connect; `connect`, `error` and `close` are told by the socket, as by `net.connect`. */
  connect(options: ConnectOptions): Socket;
  /**
   * The same with TLS: `secureConnect` tells the end of the handshake, as by `tls.connect`.
   * @param tls options of Node's, such as the server's name
   * @throws Error in virtual time, which has no TLS: scenarios with it are refused before
   */
  connectTls(endpoint: ConnectOptions, tls: ConnectionOptions): TLSSocket;
  /**
   * Lets `server` (of `node:net` or `node:http`) accept connections; its `close` ends that.
   * @param backlog maximum number of connections that wait to be accepted. @default Node's 511
   * @returns the endpoint, with its port
   * @throws the system's error, such as `EADDRINUSE`
   */
  listen(server: Server, endpoint: Endpoint, backlog?: number): Promise<Endpoint>;
  /**
   * Lets bytes that `from` receives go to `to` past the program that holds both, as `splice` of Linux, as long as `to` takes them; others
   * are told as `data`. Only where that is faster. @returns a function that ends it
   */
  readonly splice?: (from: Socket, to: Socket) => () => void;
  /** HTTP over {@link connect}, as the global `fetch`; connections are kept. */
  readonly fetch: typeof fetch;
  /** All addresses of a host name, IPv4 first, as the system resolves it. @throws the system's error, such as `ENOTFOUND` */
  lookup(host: string): Promise<readonly string[]>;
}

/** The machine's network. */
export const systemNetwork: Network = {
  connect: options => connectTcp(options),
  connectTls: (endpoint, tls) => connect({ ...endpoint, ...tls }),
  listen: (server, { host, port }, backlog) =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, backlog, ...(host !== '' && { host }) }, () => {
        server.off('error', reject);
        const { address, port } = server.address() as AddressInfo;
        resolve({ host: address, port });
      });
    }),
  fetch,
  lookup: async host => (await lookup(host, { all: true, order: 'ipv4first' })).map(({ address }) => address),
};

/** What a program needs of where it runs: the machine itself, or a host in virtual time. */
export interface Machine {
  readonly clock: Clock;
  readonly network: Network;
}

/** This machine. */
export const thisMachine: Machine = { clock: systemClock, network: systemNetwork };

/** Starts TLS over `stream`. */
export function tlsOver(stream: Duplex, tls: ConnectionOptions): TLSSocket {
  return connect({ ...tls, socket: stream });
}
