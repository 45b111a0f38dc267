import { tlsNameOf } from '../../../harness/host/tls-name.ts';
import { Connection, type Destination } from './connection.ts';

/**
 * How long an unused connection is kept, in ms. Shorter than the 5 s after which Node's and uvicorn's servers close one, so
 * that a request hardly ever meets a connection that the server is just closing.
 */
const KEEP_ALIVE_MS = 4000;
/** A server that says how long it keeps one is taken at its word but for this, in ms. */
const KEEP_ALIVE_MARGIN_MS = 1000;

/** The connections to one target. The most recently used idle one is taken first, so that surplus ones age out. */
export interface Connections {
  /** Value of `Host`. */
  readonly host: string;
  /** Whether a connection serves more than one request. */
  readonly keepAlive: boolean;
  /** An idle connection, or a new one if there is none or `fresh` is asked for. It connects when a request is sent. */
  take(fresh?: boolean): Connection;
  /** After a whole answer: ready for the next request, if there can be one. */
  giveBack(connection: Connection): void;
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
  /** See {@link Connections.keepAlive}. @default true */
  readonly keepAlive?: boolean | undefined;
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
}

interface Idle {
  readonly connection: Connection;
  readonly untilMs: number;
}

/**
 * Connections over HTTP/1.1, without pipelining, one stream each, as the OpenAI client libraries use them. How many there
 * are is bounded by the caller, who bounds the requests in flight.
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
  const asked = new URL(origin);
  const { protocol, hostname, port } = via === undefined ? asked : new URL(`${asked.protocol}//${via}`);
  const ca = authority === undefined ? {} : { ca: authority };
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    tls: protocol === 'https:' ? { ...tlsNameOf(asked.hostname), ...ca } : null,
    connectTimeoutMs,
  };
}
