import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Connections } from '../connections/connections.ts';
import { rawAnswer } from '../connections/last-words.ts';
import { type ConnectionLimits, checkIntervalMs } from '../connections/limits.ts';
import { resetConnection } from '../connections/reset.ts';
import type { Gateway } from '../gateway.ts';
import { ApiError } from './api-error.ts';

/** What Node takes for no limit on the size of headers; 0 would be its default. */
const NO_HEADER_LIMIT = 2 ** 30;

/**
 * An HTTP server in front of `gateway`, not yet listening. A stream of any kind can be handed to it with
 * `emit('connection', stream)`, which is how it runs without a network.
 *
 * Deadlines for headers and for idle connections are Node's, with the gateway's numbers; a server of Node's looks at the former
 * every 30 s unless told otherwise. Everything else that bounds a client is in `connections/` and `request-body.ts`.
 */
export function createGatewayServer(gateway: Gateway): Server {
  const { connections } = gateway;
  const take = (request: IncomingMessage, response: ServerResponse, error?: ApiError) => {
    const refusal = connections.admit(request, response) ?? error;
    if (refusal !== 'ignored') void gateway.handle(request, response, refusal);
  };
  const server = createServer(serverOptions(connections.limits), (request, response) => take(request, response));
  // Anything but `100-continue`. Node would answer by itself, unseen, and wait for the body without a deadline.
  server.on('checkExpectation', (request, response) => take(request, response, unmetExpectation()));
  // Node would drop what is beyond its count, or call it too large; `admit` counts and says so.
  server.maxHeadersCount = 0;
  server.on('connection', socket => connections.accept(socket));
  server.on('timeout', socket => connections.evict(socket, 'idle'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => answerBadRequest(error, socket, connections));
  return server;
}

function unmetExpectation(): ApiError {
  const message = 'The only expectation that can be met is 100-continue.';
  return new ApiError(417, 'expectation_failed', message, null, ['connection', 'close']);
}

function serverOptions(limits: ConnectionLimits) {
  const { headersMs, keepAliveMs, maxHeaderBytes } = limits;
  const intervalMs = checkIntervalMs(limits);
  return {
    headersTimeout: headersMs === 'off' ? 0 : Math.ceil(headersMs),
    requestTimeout: 0,
    connectionsCheckingInterval: intervalMs,
    keepAliveTimeout: keepAliveMs === 'off' ? 0 : Math.ceil(keepAliveMs),
    // A client that keeps to the announced time may still be on its way when that is over.
    keepAliveTimeoutBuffer: intervalMs,
    maxHeaderSize: maxHeaderBytes === 'off' ? NO_HEADER_LIMIT : maxHeaderBytes,
    noDelay: true,
  };
}

/**
 * What Node's parser refuses never becomes a request; it gets an error in the same form, unless an answer is under way on
 * the connection: text in the middle of it would be worse than a cut.
 */
function answerBadRequest(error: NodeJS.ErrnoException, socket: Duplex, connections: Connections): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const large = error.code === 'HPE_HEADER_OVERFLOW';
  if (late || large) connections.note(socket, late ? 'slow-headers' : 'large-headers');
  if (connections.isAnswering(socket)) {
    resetConnection(socket);
    return;
  }
  const [status, code] = late
    ? (['408 Request Timeout', 'request_timeout'] as const)
    : large
      ? (['431 Request Header Fields Too Large', 'headers_too_large'] as const)
      : (['400 Bad Request', 'bad_request'] as const);
  connections.closeWith(socket, rawAnswer(status, code, status.slice(4)));
}
