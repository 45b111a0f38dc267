import { addAbortSignal, type Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import type { Clock } from '../clock.ts';
import type { Probe } from '../contracts.ts';
import { tlsNameOf } from './client-tls.ts';
import { requestOver } from './http-client.ts';
import type { Network } from './network.ts';

/** The first byte of whatever came back. */
export interface FirstByte extends Probe {
  /** Whether it begins a 2xx response, or `PONG`. */
  readonly isReady: boolean;
}

/** How to send a probe. */
export interface ProbeOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly network: Network;
  readonly signal: AbortSignal;
  /** `host:port` to connect to, as a client of `url` would: same `Host`, same TLS name. @default those of `url` */
  readonly via?: string;
  /** JSON to send by `POST` instead of a `GET`. */
  readonly body?: string;
  /** Of Node's, such as a client certificate. @default none */
  readonly tls?: ConnectionOptions;
}

/**
 * Asks `url` something harmless on a connection of its own, so that neither keep-alive nor another fault's old connection answers for
 * it: `GET`, or `PING` for `redis:`; user and password of the URL go along. Any answer counts. Over TLS the time counts from the end
 * of the handshake, whose round trips would otherwise multiply what a link adds to one.
 * @throws when nothing answers: refused, reset, closed, or the signal's reason on abort
 */
export async function probe(url: string, options: ProbeOptions): Promise<FirstByte> {
  const { signal } = options;
  signal.throwIfAborted();
  try {
    return await (url.startsWith('redis:') ? ping : get)(new URL(url), options);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

function get(url: URL, { clock, signal, via, tls, body, network }: ProbeOptions): Promise<FirstByte> {
  const isTls = url.protocol === 'https:';
  const { hostname, port } = urlToHttpOptions(via === undefined ? url : new URL(`http://${via}`));
  const post =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const method = body === undefined ? 'GET' : 'POST';
  const { auth } = urlToHttpOptions(url);
  const request = {
    ...{
      host: hostname!,
      port: Number(port || (isTls ? 443 : 80)),
      path: url.pathname + url.search,
      method,
      signal,
      auth,
    },
    headers: { host: url.host, ...post },
    tls: isTls ? { ...tlsNameOf(url.hostname), ...tls } : null,
  };
  let sentMs = clock.nowMs();
  return new Promise((resolve, reject) => {
    const sent = requestOver(network, request, response => {
      response.on('error', () => {}).resume();
      const { statusCode = 0 } = response;
      resolve({ isReady: statusCode >= 200 && statusCode < 300, sentMs, ttfbMs: clock.nowMs() - sentMs });
    });
    // Node gives up a connection that nobody takes over, without an error.
    const upgraded = (_: unknown, socket: Duplex) => {
      socket.destroy();
      resolve({ isReady: false, sentMs, ttfbMs: clock.nowMs() - sentMs });
    };
    const ended = (error: NodeJS.ErrnoException) => {
      // Bytes that are not HTTP/1.1 are an answer, too.
      if (error.code?.startsWith('HPE_')) resolve({ isReady: false, sentMs, ttfbMs: clock.nowMs() - sentMs });
      else reject(error);
    };
    sent
      .end(body)
      .on('error', ended)
      .once('upgrade', upgraded)
      .once('socket', socket =>
        socket.once('secureConnect', () => {
          sentMs = clock.nowMs();
        }),
      );
  });
}

/** Both questions at once: Redis answers in order, one line each. While it loads its data, `PING` is answered with an error. */
function ping(url: URL, { clock, signal, network }: ProbeOptions): Promise<FirstByte> {
  const { hostname: host, port } = urlToHttpOptions(url);
  const login = url.password && `AUTH ${url.username} ${url.password}\r\n`;
  const wanted = `${login && '+OK\r\n'}+PONG\r\n`;
  const sentMs = clock.nowMs();
  return new Promise((resolve, reject) => {
    const socket = network.connect({ host: host!, port: Number(port) });
    addAbortSignal(signal, socket);
    let said = '';
    let ttfbMs: number | undefined;
    socket.on('connect', () => socket.write(`${login}PING\r\n`));
    socket.on('data', chunk => {
      ttfbMs ??= clock.nowMs() - sentMs;
      said += chunk.toString('latin1');
      if (said.length < wanted.length && wanted.startsWith(said)) return;
      resolve({ isReady: said === wanted, sentMs, ttfbMs });
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${url.host} closed the connection without an answer`)));
  });
}
