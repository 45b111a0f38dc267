import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { requestTarget } from '../../../harness/http/request-target.ts';
import { describeIssues } from '../../service-config.ts';
import { requireToken, tokenCheck } from '../../token.ts';
import { ApiError, errorBody, sendJson } from '../http/api-error.ts';
import { ADMIN_TOKEN_VARIABLE } from './config.ts';

/**
 * Handler of a method of an {@link AdminRoute}.
 * @param parts what the groups of its pattern matched, decoded @param body its JSON object; empty without a body
 * @returns the response's body, as JSON
 */
export type AdminHandler = (
  parts: readonly string[],
  body: Readonly<Record<string, unknown>>,
) => Promise<object> | object;

/** A path of the admin API. */
export interface AdminRoute {
  /** Matches the whole path. */
  readonly pattern: RegExp;
  readonly methods: Readonly<Partial<Record<'GET' | 'PUT' | 'DELETE', AdminHandler>>>;
}

/** A request that changes something, or tried to. */
export interface AdminChange {
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: number;
  /** Of whoever sent it. */
  readonly address: string | undefined;
}

interface AdminOptions {
  readonly routes: readonly AdminRoute[];
  /** Required by every request. */
  readonly token: string | undefined;
  readonly log: Logger;
  /** Told of each change, after it. @default nobody */
  readonly onChange?: ((change: AdminChange) => void) | undefined;
}

const LIMITS = { headersTimeout: 5000, requestTimeout: 5000, keepAliveTimeout: 5000, maxHeaderSize: 8192 };
const MAX_CONNECTIONS = 64;
const MAX_BODY_BYTES = 16_384;

/**
 * Server of the admin API, not yet listening: a listener of its own, so that no route of it is ever within reach of clients. Each part of the
 * gateway adds its routes; every change is logged.
 * @throws SquallError `BAD_GATEWAY_ADMIN_TOKEN`
 */
export function createAdminServer({ routes, token, log, onChange }: AdminOptions): Server {
  const lacksToken = tokenCheck(requireToken(token, ADMIN_TOKEN_VARIABLE));
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const missing = lacksToken(request);
    if (missing !== undefined)
      throw new ApiError(401, 'invalid_admin_token', `Permission denied: ${missing}.`, null, [
        ...['www-authenticate', 'Bearer realm="squall admin"'],
      ]);
    const path = requestTarget(request)?.path ?? '';
    const { handler, parts } = handlerOf(routes, request.method!, path);
    const body = await bodyOf(request);
    const change = request.method === 'GET' ? undefined : { method: request.method!, path, body };
    const finish = (status: number) => {
      if (!change) return;
      log.info({ ...change, status }, 'admin');
      onChange?.({ ...change, status, address: request.socket.remoteAddress });
    };
    try {
      const result = await handler(parts, body);
      finish(200);
      sendJson(response, 200, JSON.stringify(result), []);
    } catch (error) {
      finish(error instanceof ApiError ? error.status : 500);
      throw error;
    }
  };
  const server = createServer(LIMITS, (request, response) => {
    request.on('error', () => {});
    respond(request, response).catch(thrown => {
      if (!(thrown instanceof ApiError)) log.error({ err: thrown }, 'unexpected error');
      const error = thrown instanceof ApiError ? thrown : new ApiError(500, 'internal_error', 'Internal error.');
      // What is left of a body is discarded, so that the client sees the response instead of a reset.
      request.resume();
      sendJson(response, error.status, errorBody(error), error.headers);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

/** @throws ApiError 404, 405, 400 for a path with a broken escape */
function handlerOf(routes: readonly AdminRoute[], method: string, path: string) {
  const [found] = routes.flatMap(({ pattern, methods }) => {
    const match = pattern.exec(path);
    return match ? [{ methods, parts: match.slice(1) }] : [];
  });
  if (!found) throw new ApiError(404, 'not_found', 'No such path.');
  const handler = Object.hasOwn(found.methods, method) && found.methods[method as 'GET'];
  if (!handler) {
    const allow = Object.keys(found.methods).join(', ');
    throw new ApiError(405, 'method_not_allowed', `This path accepts only ${allow}.`, null, ['allow', allow]);
  }
  try {
    return { handler, parts: found.parts.map(decodeURIComponent) };
  } catch {
    throw new ApiError(400, 'bad_request_target', 'Expected the path to be percent-encoded UTF-8.');
  }
}

/** @throws ApiError 400 for anything but a JSON object or nothing, 413 */
async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Without the option, an early end would destroy the connection before the response.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    throw new ApiError(400, 'body_incomplete', 'The request body is incomplete.');
  }
  if (bytes > MAX_BODY_BYTES)
    throw new ApiError(413, 'body_too_large', `The request body exceeds the limit of ${MAX_BODY_BYTES} bytes.`);
  if (bytes === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ApiError(400, 'invalid_json', 'Expected the request body to be a JSON object.');
  return value as Readonly<Record<string, unknown>>;
}

/**
 * Body of a request by its schema.
 * @throws ApiError 400 `invalid_value`, whose `param` is the field
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const message = describeIssues(issues.slice(0, 1), body);
  throw new ApiError(400, 'invalid_value', `Bad request body: ${message}.`, issues[0]!.path.join('.') || null);
}
