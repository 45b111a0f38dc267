import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../harness/clock.ts';
import { errorBody } from './api-error.ts';
import type { Gateway } from './gateway.ts';

/**
 * An HTTP server in front of `gateway`, not yet listening. A stream of any kind can be handed to it with
 * `emit('connection', stream)`, which is how it runs without a network.
 *
 * Timeouts: headers within 10 s, the whole request within 60 s, checked every second. Idle connections live 75 s, longer than
 * the 60 s of nginx's upstream pool, so that the proxy closes first and never writes into a connection that is going away.
 * There is no bound on slow readers here: `timeouts.clientIdleMs` has that part.
 */
export function createGatewayServer(gateway: Gateway): Server {
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 60_000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 75_000,
      maxHeaderSize: 16_384,
      noDelay: true,
    },
    (request, response) => void gateway.handle(request, response),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => answerBadRequest(error, socket));
  return server;
}

/**
 * What Node's parser refuses never becomes a request; it gets an error in the same form, unless something was written to
 * the connection before: then an answer might be under way, and text in the middle of it would be worse than a cut.
 */
function answerBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET' || (socket as Socket).bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const [status, code] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'request_timeout']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'headers_too_large']
        : ['400 Bad Request', 'bad_request'];
  const body = errorBody({ message: status.slice(4), type: 'invalid_request_error', param: null, code });
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/**
 * Stops accepting connections, lets running requests finish for up to `drainMs`, then cuts the rest.
 * @returns true when nothing had to be cut
 */
export async function drainServer(server: Server, drainMs: number, clock: Clock): Promise<boolean> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  const finished = new AbortController();
  const wait = clock.sleep(drainMs, finished.signal).then(
    () => 'late' as const,
    () => 'over' as const,
  );
  // A connection whose answer began before the drain was not told to close; it turns idle instead.
  void sweepIdle(server, clock, finished.signal);
  const result = await Promise.race([closed.then(() => 'done' as const), wait]);
  finished.abort();
  if (result === 'done') return true;
  server.closeAllConnections();
  await closed;
  // The requests behind them learn of it in the next turns; let them end as what they are.
  await clock.sleep(10);
  return false;
}

async function sweepIdle(server: Server, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    server.closeIdleConnections();
    await clock.sleep(50, signal).catch(() => {});
  }
}
