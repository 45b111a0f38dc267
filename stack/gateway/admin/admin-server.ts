import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { requestTarget } from '../../../harness/http/request-target.ts';
import { requireToken, tokenCheck } from '../../token.ts';
import { ApiError, errorBody, sendJson } from '../http/api-error.ts';
import { ADMIN_TOKEN_VARIABLE } from './config.ts';

/** Handler of a method of an {@link AdminRoute}. @param parts what the groups of its pattern matched, decoded @returns the body, as JSON */
export type AdminHandler = (parts: readonly string[]) => Promise<object> | object;

/** A path of the admin API. */
export interface AdminRoute {
  /** Matches the whole path. */
  readonly pattern: RegExp;
  readonly methods: Readonly<Partial<Record<'GET' | 'PUT' | 'DELETE', AdminHandler>>>;
}

interface AdminOptions {
  readonly routes: readonly AdminRoute[];
  /** Required by every request. */
  readonly token: string | undefined;
  readonly log: Logger;
}

/** Admin requests have no body: what they change is in their path. */
const LIMITS = { headersTimeout: 5000, requestTimeout: 5000, keepAliveTimeout: 5000, maxHeaderSize: 8192 };
const MAX_CONNECTIONS = 64;

/**
 * Server of the admin API, not yet listening: a listener of its own, so that no route of it is ever within reach of clients. Each part of the
 * gateway adds its routes; every change is logged.
 * @throws SquallError `BAD_GATEWAY_ADMIN_TOKEN`
 */
export function createAdminServer({ routes, token, log }: AdminOptions): Server {
  const lacksToken = tokenCheck(requireToken(token, ADMIN_TOKEN_VARIABLE));
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const missing = lacksToken(request);
    if (missing !== undefined)
      throw new ApiError(401, 'invalid_admin_token', `Permission denied: ${missing}.`, null, [
        ...['www-authenticate', 'Bearer realm="squall admin"'],
      ]);
    const path = requestTarget(request)?.path ?? '';
    const [found] = routes.flatMap(({ pattern, methods }) => {
      const match = pattern.exec(path);
      return match ? [{ methods, parts: match.slice(1) }] : [];
    });
    if (!found) throw new ApiError(404, 'not_found', 'No such path.');
    const handler = Object.hasOwn(found.methods, request.method!) && found.methods[request.method as 'GET'];
    if (!handler) {
      const allow = Object.keys(found.methods).join(', ');
      throw new ApiError(405, 'method_not_allowed', `This path accepts only ${allow}.`, null, ['allow', allow]);
    }
    const result = await handler(found.parts);
    if (request.method !== 'GET') log.info({ method: request.method, path }, 'admin');
    sendJson(response, 200, JSON.stringify(result), []);
  };
  const server = createServer(LIMITS, (request, response) => {
    request.resume();
    respond(request, response).catch(thrown => {
      if (!(thrown instanceof ApiError)) log.error({ err: thrown }, 'unexpected error');
      const error = thrown instanceof ApiError ? thrown : new ApiError(500, 'internal_error', 'Internal error.');
      sendJson(response, error.status, errorBody(error), error.headers);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}
