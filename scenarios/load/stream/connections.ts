import { buildConnector, Client } from 'undici';
import { tlsNameOf } from '../../../stack/platform/external/tls-name.ts';
import { CONNECT_TIMEOUT } from './failure.ts';

/**
 * How long an unused connection is kept, in ms. Shorter than the 5 s after which Node's and uvicorn's servers close one, so
 * that a request hardly ever meets a connection that the server is just closing.
 */
export const KEEP_ALIVE_MS = 4000;

/** One keep-alive connection slot; it serves one request at a time and connects again by itself when it was closed. */
export interface Connection {
  readonly client: Client;
  /** Answers received on the present socket: 0 on a fresh one. */
  answers: number;
}

/** The connections to one target. The most recently used idle one is taken first, so that surplus ones age out. */
export interface Connections {
  /** An idle connection, or a new one if there is none or `fresh` is asked for. It connects when a request is dispatched. */
  take(fresh?: boolean): Connection;
  /** After a whole answer: ready for the next request. */
  giveBack(connection: Connection): void;
  /** Closes it at once. */
  discard(connection: Connection): void;
}

/** Options of {@link openConnections}. */
export interface ConnectionsOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** PEM of the authority to trust. @default those that Node trusts */
  readonly authority?: string | undefined;
  /** Where to connect to instead, `host:port`; `Host` and TLS name remain those of `origin`. */
  readonly via?: string;
  /** Longest wait for TCP, and TLS where used, to be established; > 0. */
  readonly connectTimeoutMs: number;
}

/**
 * Connections over HTTP/1.1, without pipelining, one stream each, as the OpenAI client libraries use them. How many there
 * are is bounded by the caller, who bounds the requests in flight.
 */
export function openConnections({ origin, via, authority, connectTimeoutMs }: ConnectionsOptions): Connections {
  const idle: Connection[] = [];
  const around = via === undefined ? undefined : detour(origin, via);
  const connect = boundedConnector(connectTimeoutMs, authority, around);
  const open = (): Connection => {
    const client = new Client(origin, {
      connect,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      // The request's own idle timeout decides, to the millisecond; undici's are coarse.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const connection: Connection = { client, answers: 0 };
    client.on('connect', () => {
      connection.answers = 0;
    });
    return connection;
  };
  return {
    take: (fresh = false) => (fresh ? undefined : idle.pop()) ?? open(),
    giveBack(connection) {
      connection.answers += 1;
      idle.push(connection);
    },
    discard({ client }) {
      client.destroy().catch(() => {});
    },
  };
}

interface Detour {
  readonly tls: ReturnType<typeof tlsNameOf>;
  readonly hostname: string;
  readonly port: string;
}

/** How to connect to `via` and still ask for `origin`. */
function detour(origin: string, via: string): Detour {
  const { hostname, port } = new URL(`http://${via}`);
  return { tls: tlsNameOf(new URL(origin).hostname), hostname, port };
}

/** undici's connector with a timeout that is exact; undici's own ticks twice a second. */
function boundedConnector(timeoutMs: number, authority?: string, around?: Detour): buildConnector.connector {
  const ca = authority === undefined ? {} : { ca: authority };
  const connect = buildConnector({ allowH2: false, timeout: 0, ...ca, ...around?.tls });
  return (options, callback) => {
    const to = around ? { ...options, hostname: around.hostname, port: around.port } : options;
    const socket: unknown = connect(to, (...result: Parameters<typeof callback>) => {
      clearTimeout(timer);
      callback(...result);
    });
    const timer = setTimeout(() => {
      const error = Object.assign(new Error(`No connection within ${timeoutMs} ms`), { code: CONNECT_TIMEOUT });
      (socket as { destroy(error: Error): void }).destroy(error);
    }, timeoutMs);
  };
}
