import { tlsNameOf } from '../../../harness/host/tls-name.ts';
import { Connection, type Destination } from './connection.ts';

/**
 * Keep-alive of idle connections, in ms. Shorter than the 5 s after which Node's and uvicorn's servers close them, so that a request
 * rarely meets a connection that the server is closing.
 */
const KEEP_ALIVE_MS = 4000;
/** Margin by which an idle timeout announced by the server is shortened, in ms. */
const KEEP_ALIVE_MARGIN_MS = 1000;

/** Connections to one target. The most recently used idle one is taken first, so that surplus ones age out. */
export interface Connections {
  /** Value of `Host`. */
  readonly host: string;
  /** Whether a connection carries more than one request. */
  readonly keepAlive: boolean;
  /** An idle connection, or a new one, which connects when a request is sent. @param fresh always a new one */
  take(fresh?: boolean): Connection;
  /** Returns a connection after a complete response, for the next request if it can carry one. */
  giveBack(connection: Connection): void;
}

/** Options of {@link openConnections}. */
export interface ConnectionsOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** PEM of the trusted CA. @default those that Node trusts */
  readonly authority?: string | undefined;
  /** Address to connect to, `host:port`, if not that of `origin`; `Host` and TLS name remain those of `origin`. */
  readonly via?: string;
  /** Timeout for TCP and any TLS handshake together, > 0. */
  readonly connectTimeoutMs: number;
  /** @default true */
  readonly keepAlive?: boolean | undefined;
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
}

interface Idle {
  readonly connection: Connection;
  readonly untilMs: number;
}

/**
 * Opens HTTP/1.1 connections with one request at a time each, as the OpenAI client libraries use them. The caller limits their number
 * by limiting the requests in flight.
 */
export function openConnections(options: ConnectionsOptions): Connections {
  const { nowMs, keepAlive = true } = options;
  const destination = destinationOf(options);
  const idle: Idle[] = [];
  const usable = ({ connection, untilMs }: Idle) => connection.isReusable && nowMs() < untilMs;
  return {
    host: new URL(options.origin).host,
    keepAlive,
    take(fresh = false) {
      for (let last = fresh ? undefined : idle.pop(); last; last = idle.pop()) {
        if (usable(last)) return last.connection;
        last.connection.destroy();
      }
      return new Connection(destination);
    },
    giveBack(connection) {
      if (!keepAlive || !connection.isReusable) return connection.destroy();
      const keptMs = Math.min(KEEP_ALIVE_MS, connection.keepAliveMs - KEEP_ALIVE_MARGIN_MS);
      idle.push({ connection, untilMs: nowMs() + keptMs });
      while (idle[0] && !usable(idle[0])) idle.shift()!.connection.destroy();
    },
  };
}

function destinationOf({ origin, via, authority, connectTimeoutMs }: ConnectionsOptions): Destination {
  const server = new URL(origin);
  const { protocol, hostname, port } = via === undefined ? server : new URL(`${server.protocol}//${via}`);
  const ca = authority === undefined ? {} : { ca: authority };
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    tls: protocol === 'https:' ? { ...tlsNameOf(server.hostname), ...ca } : null,
    connectTimeoutMs,
  };
}
