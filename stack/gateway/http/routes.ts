import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { foreignSite } from '../../../harness/http/own-names.ts';
import { requestTarget } from '../../../harness/http/request-target.ts';
import { metricsText } from '../../observability/metrics-text.ts';
import type { Accounting } from '../accounting/accounting.ts';
import { usageStage } from '../accounting/usage-route.ts';
import { batchRoutes } from '../batch/batch-routes.ts';
import type { BatchService } from '../batch/batch-service.ts';
import type { ResponseCache } from '../cache/response-cache.ts';
import type { GatewayConfig } from '../config.ts';
import { bound } from '../connections/limits.ts';
import { AGREEMENT_PATH } from '../encryption/config.ts';
import type { Encryption } from '../encryption/encryption.ts';
import { type ForwardContext, forward } from '../forward/forward.ts';
import type { Identity } from '../identity/identity.ts';
import { identityRoutes } from '../identity/identity-routes.ts';
import { limitStage } from '../limits/limit-stage.ts';
import type { Limiter } from '../limits/limiter.ts';
import { Merger } from '../merge/merger.ts';
import type { Preparer } from '../preprocess/preparer.ts';
import { ApiError, sendJson } from './api-error.ts';
import { createAuthenticate } from './authentication.ts';
import { type PromptField, parseCompletionRequest } from './completion-request.ts';
import { type Cors, isPreflight } from './cors.ts';
import { type Exchange, type Lifecycle, type Stage, TIMEOUT_HEADER } from './exchange.ts';
import { isDeeperThan } from './json-depth.ts';
import { type BodyContext, readBody } from './request-body.ts';

/** Method and pipeline of one path. */
export interface Route {
  /** GET includes HEAD. */
  readonly method: 'GET' | 'POST' | 'DELETE' | 'OPTIONS';
  readonly stages: readonly Stage[];
  /** Further methods of the path. */
  readonly alternatives?: readonly Route[];
  /** What the path is called in metrics and logs: one of a bounded set. @default the path */
  readonly label?: string;
  /** Whether to leave requests out of the log and the request metrics, as for probes and scrapes. */
  readonly quiet?: boolean;
}

interface RouteContext {
  readonly config: GatewayConfig;
  readonly names: readonly string[];
  readonly lifecycle: Lifecycle;
  /** Undefined when rate limits are off. */
  readonly limiter: Limiter | undefined;
  /** Undefined when it is off: then API keys identify callers. */
  readonly identity: Identity | undefined;
  readonly log: Logger;
  /** Undefined when it is off. */
  readonly accounting: Accounting | undefined;
  /** Undefined where requests are sent on as they are. */
  readonly preparer: Preparer | undefined;
  /** Undefined when the cache is off. */
  readonly cache: ResponseCache | undefined;
  /** Undefined when batches are off. */
  readonly batch: BatchService | undefined;
  /** Undefined when it is off. */
  readonly encryption: Encryption | undefined;
  readonly forwardContext: ForwardContext;
  readonly bodyContext: BodyContext;
}

/**
 * Routes of the gateway by path, and how batches begin to run. Clients may know its API by any name, since each request needs a key, and balancers its probes, which show
 * one word. Metrics need no key, and are refused to the pages of other sites, see {@link foreignSite}.
 */
export function createRoutes(context: RouteContext): { find(path: string): Route | undefined; start(): void } {
  const { config, limiter, identity, bodyContext, log, batch, accounting, preparer, encryption } = context;
  const { connections } = bodyContext;
  const addressOf = (request: IncomingMessage) => connections.addressOf(request);
  const authenticate = identity?.authentication(addressOf) ?? authentication(config);
  const authorized = identity ? [identity.authorization] : [];
  const limited = limiter ? [limitStage(limiter)] : [];
  const serve = serving(context);
  const prepared = preparer ? [preparer.stage] : [];
  const checked = (promptField: PromptField) => [validation(context, promptField), ...prepared, serve];
  const completion = (promptField: PromptField): Route => ({
    method: 'POST',
    stages: [authenticate, ...limited, deadline(config), body(context), ...checked(promptField)],
  });
  const models: Stage = exchange => sendJson(exchange.response, 200, modelList(config), exchange.headers());
  const live: Stage = exchange => sendJson(exchange.response, 200, '{"status":"live"}', exchange.headers());
  const probe = (stage: Stage): Route => ({ method: 'GET', quiet: true, stages: [stage] });
  const methods: Stage = exchange =>
    void exchange.response.writeHead(204, ['allow', 'GET, HEAD, POST, OPTIONS', ...exchange.headers()]).end();
  const routes = new Map<string, Route>([
    ['/v1/chat/completions', completion('messages')],
    ['/v1/completions', completion('prompt')],
    ['/v1/embeddings', completion('input')],
    ['/v1/models', { method: 'GET', stages: [authenticate, models] }],
    ...(encryption ? [agreementRoute(encryption, [authenticate, ...limited], bodyContext)] : []),
    ...(accounting ? [usageRoute(accounting, [authenticate, ...limited], bodyContext)] : []),
    ...(identity ? identityRoutes({ identity, bodyContext, addressOf, limits: limited, log }) : []),
    ['*', { method: 'OPTIONS', stages: [methods] }],
    ['/healthz', probe(live)],
    ['/readyz', probe(exchange => sendReadiness(exchange, context))],
    ['/metrics', probe(exchange => sendMetrics(exchange, context))],
  ]);
  const batches = batch && batchRoutes({ batch, bodyContext, before: [authenticate, ...limited] });
  return {
    find: path => routes.get(path) ?? batches?.(path),
    start: () =>
      batch?.start({
        '/v1/chat/completions': [...authorized, ...checked('messages')],
        '/v1/completions': [...authorized, ...checked('prompt')],
        '/v1/embeddings': [...authorized, ...checked('input')],
      }),
  };
}

function agreementRoute(encryption: Encryption, before: readonly Stage[], read: BodyContext): [string, Route] {
  return [AGREEMENT_PATH, { method: 'POST', stages: [...before, encryption.agreement(read)] }];
}

/** The last stage of a completion: sends it to an upstream, or reuses a response. */
function serving({ config: { merge }, cache, forwardContext }: RouteContext): Stage {
  if (merge === 'off' && !cache) return exchange => forward(exchange, forwardContext);
  const merger = new Merger({ merge, cache, context: forwardContext });
  return exchange => merger.serve(exchange);
}

/**
 * Stages of `route` for `request`.
 * @param cors undefined: pages of other sites may not use the API
 * @throws ApiError 404 without a route, 405 for a method that the route does not accept
 */
export function stagesFor(route: Route | undefined, request: IncomingMessage, cors?: Cors): readonly Stage[] {
  const { method } = request;
  if (!route) throw new ApiError(404, 'not_found', 'No such path.');
  if (cors && !route.quiet && isPreflight(request)) return [exchange => cors.respondToPreflight(exchange)];
  const methods = [route, ...(route.alternatives ?? [])];
  const found = methods.find(own => method === own.method || (method === 'HEAD' && own.method === 'GET'));
  if (found) return found.stages;
  const allowed = methods.map(own => own.method);
  const message = `This path accepts only ${allowed.join(' and ')}.`;
  throw new ApiError(405, 'method_not_allowed', message, null, ['allow', allowed.join(', ')]);
}

function authentication({ apiKeyHashes }: GatewayConfig): Stage {
  const check = createAuthenticate(apiKeyHashes);
  return exchange => {
    exchange.caller = check(exchange.request.headers.authorization);
  };
}

function deadline({ timeouts: { totalMs } }: GatewayConfig): Stage {
  return exchange => {
    const timeoutMs = requestTimeoutMs(exchange.request.headers[TIMEOUT_HEADER], totalMs);
    exchange.deadlineMs = exchange.receivedMs + timeoutMs;
    exchange.deadlineLowered = timeoutMs < totalMs;
  };
}

/**
 * Timeout of a request in ms: the gateway's limit, or the caller's if that is shorter.
 * @throws ApiError 400 unless the header is a whole number ≥ 1
 */
function requestTimeoutMs(header: string | string[] | undefined, totalMs: number): number {
  if (header === undefined) return totalMs;
  const requestedMs = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : 0;
  if (requestedMs >= 1) return Math.min(requestedMs, totalMs);
  throw new ApiError(400, 'invalid_timeout', `Expected ${TIMEOUT_HEADER} to be an integer ≥ 1 (milliseconds).`);
}

function body({ config: { maxJsonDepth }, bodyContext, encryption }: RouteContext): Stage {
  const maxDepth = bound(maxJsonDepth);
  return async exchange => {
    const span = exchange.span?.start('body');
    let json: Buffer;
    try {
      json = await readBody(exchange.request, bodyContext);
      if (encryption) json = encryption.open(exchange, json);
    } finally {
      span?.end();
    }
    if (isDeeperThan(json, maxDepth)) {
      throw new ApiError(400, 'json_too_deep', `The request body exceeds the nesting limit of ${maxDepth}.`);
    }
    exchange.body = json;
  };
}

function usageRoute(accounting: Accounting, before: readonly Stage[], { clock }: BodyContext): [string, Route] {
  return ['/v1/usage', { method: 'GET', stages: [...before, usageStage(accounting, clock)] }];
}

function validation(
  { config, accounting, forwardContext: { guard, release } }: RouteContext,
  promptField: PromptField,
): Stage {
  const served = new Set(config.models);
  return exchange => {
    const request = parseCompletionRequest(exchange.body, promptField, served);
    exchange.model = request.model;
    exchange.streamed = request.stream;
    release?.assign(exchange);
    guard?.check(exchange, request, promptField);
    return accounting?.open(exchange, request, promptField);
  };
}

/** Readiness: not draining, and at least one upstream is usable, or requests can wait for one. */
function sendReadiness(exchange: Exchange, { lifecycle, forwardContext: { upstreams, queue } }: RouteContext): void {
  const noUpstream = upstreams.hasUsable() || queue ? undefined : 'no upstream is healthy';
  const reason = lifecycle.draining ? 'draining' : noUpstream;
  const body = JSON.stringify(reason ? { status: 'unready', reason } : { status: 'ready' });
  sendJson(exchange.response, reason ? 503 : 200, body, exchange.headers());
}

async function sendMetrics(exchange: Exchange, { names, forwardContext }: RouteContext): Promise<void> {
  const foreign = foreignSite(exchange.request, names);
  if (foreign !== undefined) throw new ApiError(403, 'permission_denied', `Permission denied: ${foreign}.`);
  const { registry } = forwardContext.metrics;
  const text = await metricsText([registry], requestTarget(exchange.request)?.query);
  exchange.response.writeHead(200, ['content-type', registry.contentType, ...exchange.headers()]);
  exchange.response.end(text);
}

/** Response body of `GET /v1/models`; `created` is unknown, hence 0. */
function modelList({ models, name }: GatewayConfig): string {
  const data = models.map(id => ({ id, object: 'model', created: 0, owned_by: name }));
  return JSON.stringify({ object: 'list', data });
}
