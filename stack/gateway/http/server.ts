import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Connections } from '../connections/connections.ts';
import { type ConnectionLimits, checkIntervalMs } from '../connections/limits.ts';
import { rawResponse } from '../connections/lingering-close.ts';
import { resetConnection } from '../connections/reset.ts';
import type { Gateway } from '../gateway.ts';
import { ApiError } from './api-error.ts';

/** Effectively unlimited header size; 0 would select Node's default. */
const NO_HEADER_LIMIT = 2 ** 30;

/** Methods, in the response to `CONNECT`. */
const ALLOW = 'allow: GET, HEAD, POST, OPTIONS\r\n';

/**
 * HTTP server of `gateway`, not yet listening. Any duplex stream can be passed in with `emit('connection', stream)`, so it also
 * runs without a network.
 *
 * Node enforces the deadlines for headers and idle connections, checked at the gateway's interval instead of Node's 30 s. All
 * other client limits are in `connections/` and `request-body.ts`.
 */
export function createGatewayServer(gateway: Gateway): Server {
  const { connections } = gateway;
  const handle = (request: IncomingMessage, response: ServerResponse, error?: ApiError) => {
    const rejection = connections.admit(request, response) ?? error ?? repeatedHeader(request);
    if (rejection !== 'ignored') void gateway.handle(request, response, rejection);
  };
  const server = createServer(serverOptions(connections.limits), (request, response) => handle(request, response));
  // Any expectation but `100-continue`: Node itself would respond, unlogged, and wait for the body without a deadline.
  server.on('checkExpectation', (request, response) => handle(request, response, unmetExpectation()));
  // Node would drop headers beyond its own limit; `admit` rejects the request instead.
  server.maxHeadersCount = 0;
  server.on('connection', socket => connections.accept(socket));
  server.on('timeout', socket => connections.close(socket, 'idle'));
  server.on('connect', (_, socket) => {
    if (connections.isResponding(socket)) return resetConnection(socket);
    connections.respondAndClose(
      socket,
      rawResponse('405 Method Not Allowed', 'method_not_allowed', 'This is no proxy.', ALLOW),
    );
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => respondBadRequest(error, socket, connections));
  return server;
}

/**
 * Error for a request that names its host or its credentials twice: Node.js takes the first, and whoever is in front of the gateway may have looked at the other
 * (RFC 9112, 3.2; RFC 9110, 5.3).
 */
function repeatedHeader({ rawHeaders }: IncomingMessage): ApiError | undefined {
  let [hosts, credentials] = [0, 0];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') credentials += 1;
  }
  if (hosts < 2 && credentials < 2) return undefined;
  const name = hosts > 1 ? 'host' : 'authorization';
  return new ApiError(400, 'repeated_header', `Expected one header ${name}, got several.`);
}

function unmetExpectation(): ApiError {
  const message = 'The only supported expectation is 100-continue.';
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
    // A request sent just before the announced timeout may still be in transit.
    keepAliveTimeoutBuffer: intervalMs,
    maxHeaderSize: maxHeaderBytes === 'off' ? NO_HEADER_LIMIT : maxHeaderBytes,
    noDelay: true,
  };
}

/**
 * Responds to input that Node's parser rejects, with an error in the same format. While another response is being sent, the
 * connection is reset instead, since an error in the middle of it would corrupt it.
 */
function respondBadRequest(error: NodeJS.ErrnoException, socket: Duplex, connections: Connections): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const large = error.code === 'HPE_HEADER_OVERFLOW';
  if (late || large) connections.recordClose(socket, late ? 'slow-headers' : 'large-headers');
  if (connections.isResponding(socket)) {
    resetConnection(socket);
    return;
  }
  const [status, code] = late
    ? (['408 Request Timeout', 'request_timeout'] as const)
    : large
      ? (['431 Request Header Fields Too Large', 'headers_too_large'] as const)
      : (['400 Bad Request', 'bad_request'] as const);
  connections.respondAndClose(socket, rawResponse(status, code, status.slice(4)));
}
