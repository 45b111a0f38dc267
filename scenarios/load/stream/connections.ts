import { buildConnector, Client } from 'undici';
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
  /** Longest wait for TCP, and TLS where used, to be established; > 0. */
  readonly connectTimeoutMs: number;
}

/**
 * Connections over HTTP/1.1, without pipelining, one stream each, as the OpenAI client libraries use them. How many there
 * are is bounded by the caller, who bounds the requests in flight.
 */
export function openConnections({ origin, authority, connectTimeoutMs }: ConnectionsOptions): Connections {
  const idle: Connection[] = [];
  const connect = boundedConnector(connectTimeoutMs, authority);
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

/** undici's connector with a timeout that is exact; undici's own ticks twice a second. */
function boundedConnector(timeoutMs: number, authority: string | undefined): buildConnector.connector {
  const connect = buildConnector({ allowH2: false, timeout: 0, ...(authority === undefined ? {} : { ca: authority }) });
  return (options, callback) => {
    const socket: unknown = connect(options, (...result: Parameters<typeof callback>) => {
      clearTimeout(timer);
      callback(...result);
    });
    const timer = setTimeout(() => {
      const error = Object.assign(new Error(`No connection within ${timeoutMs} ms`), { code: CONNECT_TIMEOUT });
      (socket as { destroy(error: Error): void }).destroy(error);
    }, timeoutMs);
  };
}
