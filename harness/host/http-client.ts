import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import type { Network } from './network.ts';

/** A request on a connection of its own. */
export interface RequestOver extends Pick<RequestOptions, 'auth' | 'method' | 'path' | 'headers' | 'signal'> {
  /** IP address to connect to; without `headers.host` also the name of the server. */
  readonly host: string;
  readonly port: number;
  /** Options of Node's; null without TLS. @default null */
  readonly tls?: ConnectionOptions | null;
}

/** Begins a request of `node:http`, over TLS or not, on a new connection over `network`. */
export function requestOver(
  network: Network,
  { tls = null, host, port, ...options }: RequestOver,
  onResponse?: (response: IncomingMessage) => void,
): ClientRequest {
  const createConnection = () => (tls ? network.connectTls({ host, port }, tls) : network.connect({ host, port }));
  return request({ host, port, ...options, createConnection }, onResponse);
}

/** Hands one connection to every request in turn. */
class OneConnection extends Agent {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#stream = stream;
  }

  override createConnection(): Duplex {
    return this.#stream;
  }

  // The default calls methods that only sockets have.
  override keepSocketAlive(): boolean {
    return true;
  }
}

/** Begins requests that are sent one after the other over `stream`, an established connection. */
export function requesterOn(stream: Duplex): (options: Pick<RequestOptions, 'path' | 'headers'>) => ClientRequest {
  const agent = new OneConnection(stream);
  return options => request({ agent, ...options });
}
