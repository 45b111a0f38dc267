import type { ConnectionOptions } from 'node:tls';
import { tlsNameOf } from '../../../harness/host/client-tls.ts';
import type { Machine } from '../../../harness/host/network.ts';
import type { ConnectionUse } from '../../../harness/plan.ts';
import type { ConnectionCounts } from '../../../harness/requests.ts';
import { type AddressBook, addressBook } from './addresses.ts';
import { Connection } from './connection.ts';

/**
 * Keep-alive of idle connections, in ms. Shorter than the 5 s after which Node's and uvicorn's servers close them, so that a request
 * rarely meets a connection that the server is closing.
 */
const KEEP_ALIVE_MS = 4000;
/** Margin by which an idle timeout announced by the server is shortened, in ms. */
const KEEP_ALIVE_MARGIN_MS = 1000;
/** Interval at which connections whose users have left are closed, in ms. */
const SWEEP_MS = 1000;

/** User who sends a request. */
export interface ConnectionUser {
  readonly key: string;
  /** Whether the request is the user's last one. */
  readonly isLast: boolean;
}

/** Connections to one target. The most recently used idle one is taken first, so that surplus ones age out. */
export interface Connections {
  /** Value of `Host`. */
  readonly host: string;
  /** Of its server as its users know it: `https://llm.test`. */
  readonly origin: string;
  /** Paths, with their queries, that the server said to have moved for good, and where to. */
  readonly moved: Map<string, string>;
  readonly counts: ConnectionCounts;
  /** An idle connection, or a new one, which connects when a request is sent. @param isFresh always a new one */
  take(user?: ConnectionUser, isFresh?: boolean): Connection;
  /** Returns a connection after a complete response, for the next request if it can carry one. */
  giveBack(connection: Connection, user?: ConnectionUser): void;
}

/** Options of {@link openConnections}. */
export interface ConnectionsOptions {
  /** `http://host:port` or `https://host:port`: it decides `Host` and the TLS name. */
  readonly origin: string;
  /** @default the host of `origin` */
  readonly addresses?: AddressBook | undefined;
  /** @default the port of `origin` */
  readonly port?: number | undefined;
  /** Trusted CA, client certificate and the like. @default those that Node trusts, and none */
  readonly tls?: ConnectionOptions | undefined;
  /** Timeout for TCP and any TLS handshake together, > 0. */
  readonly connectTimeoutMs: number;
  /** @default one pool for all, without a bound */
  readonly use?: ConnectionUse | undefined;
  readonly machine: Machine;
}

interface Idle {
  readonly connection: Connection;
  readonly untilMs: number;
}

/**
 * Opens HTTP/1.1 connections with one request at a time each, as the OpenAI client libraries use them. The caller limits their number
 * by limiting the requests in flight.
 *
 * | `use.kind` | a request gets |
 * |---|---|
 * | `reuse` | an idle connection to the address whose turn it is, whoever used it, or a new one |
 * | `per-user` | the connection of its user, or a new one to the address whose turn it is |
 * | `fresh` | a new one |
 *
 * A connection that has carried `use.maxRequests` requests is not used again; the last request on it says `connection: close`, so that
 * the server closes first and this machine's ports stay free.
 */
export function openConnections(options: ConnectionsOptions): Connections {
  const { machine, use = { kind: 'reuse', maxRequests: null }, origin, connectTimeoutMs } = options;
  const nowMs = () => machine.clock.nowMs();
  const { host, hostname, port, protocol } = new URL(origin);
  const addresses = options.addresses ?? addressBook({ addresses: [hostname.replace(/^\[|\]$/g, '')], nowMs });
  const counts = { opened: 0, maxRequests: 0, addresses: {} as Record<string, number> };
  const endpoint = {
    port: options.port ?? Number(port || (protocol === 'https:' ? 443 : 80)),
    tls: protocol === 'https:' ? { ...tlsNameOf(hostname), ...options.tls } : null,
    ...{ connectTimeoutMs, machine },
    attempted(address: string, isOpen: boolean) {
      if (!isOpen) return addresses.failed(address);
      counts.opened += 1;
      counts.addresses[address] = (counts.addresses[address] ?? 0) + 1;
    },
  };
  const idle = new Map<string, Idle[]>();
  const usable = ({ connection, untilMs }: Idle) => connection.isReusable && nowMs() < untilMs;
  let sweptMs = nowMs();
  const sweep = () => {
    if (nowMs() - sweptMs < SWEEP_MS) return;
    sweptMs = nowMs();
    for (const [key, kept] of idle) {
      while (kept[0] && !usable(kept[0])) kept.shift()!.connection.destroy();
      if (kept.length === 0) idle.delete(key);
    }
  };
  const idleOf = (key: string) => {
    const kept = idle.get(key);
    for (let last = kept?.pop(); last; last = kept?.pop()) {
      if (usable(last)) return last.connection;
      last.connection.destroy();
    }
    return undefined;
  };
  return {
    host,
    origin: new URL(origin).origin,
    moved: new Map(),
    counts,
    take(user, isFresh = false) {
      const inTurn = addresses.next();
      const key = use.kind === 'per-user' && user ? user.key : inTurn[0]!;
      const found = isFresh || use.kind === 'fresh' ? undefined : idleOf(key);
      const connection = found ?? new Connection({ ...endpoint, addresses: inTurn });
      const isBound = use.maxRequests !== null && connection.requests + 1 >= use.maxRequests;
      connection.isLast = use.kind === 'fresh' || isBound || (use.kind === 'per-user' && user?.isLast === true);
      return connection;
    },
    giveBack(connection, user) {
      counts.maxRequests = Math.max(counts.maxRequests, connection.requests);
      sweep();
      if (connection.isLast || !connection.isReusable) return connection.destroy();
      const key = use.kind === 'per-user' && user ? user.key : connection.address;
      const keptMs = Math.min(KEEP_ALIVE_MS, connection.keepAliveMs - KEEP_ALIVE_MARGIN_MS);
      const kept = idle.get(key) ?? [];
      kept.push({ connection, untilMs: nowMs() + keptMs });
      idle.set(key, kept);
    },
  };
}
