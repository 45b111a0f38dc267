import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../../harness/clock.ts';
import { requestTarget } from '../../harness/http/request-target.ts';
import type { Random } from '../../harness/random.ts';
import { RetryBudget } from '../../harness/retry/budget.ts';
import type { ControlClient } from '../control/client.ts';
import type { Accounting } from './accounting/accounting.ts';
import { createAdminRoutes } from './admin/admin-routes.ts';
import type { AdminRoute } from './admin/admin-server.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { type BatchService, type BatchStore, openBatches } from './batch/batch-service.ts';
import type { ResponseCache } from './cache/response-cache.ts';
import type { GatewayConfig } from './config.ts';
import { Connections } from './connections/connections.ts';
import { bound } from './connections/limits.ts';
import { resetConnection } from './connections/reset.ts';
import type { Encryption } from './encryption/encryption.ts';
import { Deadlines } from './forward/deadlines.ts';
import type { ForwardContext } from './forward/forward.ts';
import { openWaitingRooms, type WaitingRooms } from './forward/waiting-rooms.ts';
import { Guard } from './guard/guard.ts';
import { logRequest, statusOf } from './http/access-log.ts';
import { ApiError, errorBody, sendJson } from './http/api-error.ts';
import { Cors } from './http/cors.ts';
import { Exchange, type Lifecycle } from './http/exchange.ts';
import { type BodyContext, lingerForBody } from './http/request-body.ts';
import { createRoutes, stagesFor } from './http/routes.ts';
import { joinTrace } from './http/trace-context.ts';
import type { Identity } from './identity/identity.ts';
import type { Limiter } from './limits/limiter.ts';
import { GatewayMetrics } from './metrics.ts';
import { createAccounting, createAudit, createCache, createLimiter, createPreparer, type PartStores } from './parts.ts';
import type { Preparer } from './preprocess/preparer.ts';
import type { DecisionStore } from './release/decision.ts';
import { Release } from './release/release.ts';
import type { OpenedTracing } from './tracing/open-tracing.ts';
import { Fleet } from './upstream/fleet.ts';
import type { TransportFactory } from './upstream/transport.ts';
import type { Upstream, UpstreamSet } from './upstream/upstreams.ts';

interface GatewayOptions extends PartStores {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: TransportFactory;
  /** Connects to the agent at a URL; required when `config.discovery` is on. */
  readonly control?: (url: string) => Pick<ControlClient, 'instances'>;
  readonly log: Logger;
  /** Names of its own in the networks that it is in, besides its addresses, for probes and metrics. @default none */
  readonly names?: readonly string[];
  /** Makes the identity of callers, with metrics in a registry; undefined: API keys only. */
  readonly identity?: ((registry: Registry) => Identity) | undefined;
  /** Makes the encryption of bodies, with metrics in a registry; undefined: off. */
  readonly encryption?: ((registry: Registry) => Encryption) | undefined;
  /** Makes tracing, with metrics in a registry; undefined: off. */
  readonly tracing?: ((registry: Registry) => OpenedTracing) | undefined;
  /** Where releases are decided for all gateways; undefined: each decides for itself. */
  readonly decisions?: DecisionStore | undefined;
  /** Where batches are kept; required when `config.batch` is on. */
  readonly batch?: BatchStore | undefined;
}

/**
 * Gateway without its listening socket. It opens no socket and reads no clock by itself.
 *
 * ```
 *  request ─► route ─► authenticate ─► limits ─► deadline ─► body ─► validate, guard ─► admission ─► forward ─► log, metrics
 *                └──────────────── an ApiError from any stage is the response ──────────────────────────────┘
 * ```
 */
export class Gateway implements AsyncDisposable {
  readonly metrics = new GatewayMetrics();
  readonly upstreams: UpstreamSet;
  readonly connections: Connections;
  /** Undefined where it is `off`. */
  readonly identity: Identity | undefined;
  readonly #options: GatewayOptions;
  readonly #fleet: Fleet;
  readonly #lifecycle: Lifecycle = { draining: false };
  readonly #deadlines: Deadlines;
  readonly #bodyContext: BodyContext;
  readonly #routes: ReturnType<typeof createRoutes>;
  readonly #ids: Random;
  readonly #limiter: Limiter | undefined;
  readonly #cache: ResponseCache | undefined;
  readonly #accounting: Accounting | undefined;
  readonly #batch: BatchService | undefined;
  readonly #preparer: Preparer | undefined;
  /** Undefined when it is off. */
  readonly release: Release | undefined;
  /** Undefined when it is off. */
  readonly audit: AuditLog | undefined;
  readonly #cors: Cors | undefined;
  /** Of the admin API. */
  readonly adminRoutes: readonly AdminRoute[];
  readonly #traced: OpenedTracing | undefined;

  constructor(options: GatewayOptions) {
    const { config, clock, random, log, names = [] } = options;
    this.#options = options;
    this.#ids = random.stream('trace');
    this.#cors = config.cors === 'off' ? undefined : new Cors(config.cors);
    this.#deadlines = new Deadlines(clock);
    this.connections = new Connections(config.connections, { clock, log, counter: this.metrics.forcedCloses });
    const { connections } = this;
    this.#bodyContext = { clock, deadlines: this.#deadlines, connections, maxBytes: bound(config.maxBodyBytes) };
    let rooms: WaitingRooms | undefined;
    const onHealthy = () => {
      rooms?.queue?.release();
      rooms?.bulkhead?.release();
    };
    const addressOf = (request: IncomingMessage) => connections.addressOf(request);
    this.#fleet = new Fleet({ ...options, metrics: this.metrics, deadlines: this.#deadlines, addressOf, onHealthy });
    this.upstreams = this.#fleet.upstreams;
    const { registry } = this.metrics;
    rooms = openWaitingRooms(config, { upstreams: this.upstreams, clock, deadlines: this.#deadlines, registry });
    const budget = new RetryBudget(config.retries);
    this.metrics.observe({ upstreams: this.upstreams, connections, budget, clock });
    this.release = this.#createRelease(options);
    const ejectedFor = new WeakMap<Upstream, string>();
    const forwardContext: ForwardContext = {
      clock,
      random: random.stream('backoff'),
      retries: config.retries,
      budget,
      upstreams: this.upstreams,
      ...rooms,
      release: this.release,
      metrics: this.metrics,
      deadlines: this.#deadlines,
      timeouts: config.timeouts,
      hold: config.hold,
      retryAfter: config.retryAfter,
      guard: config.guard === 'off' ? undefined : new Guard(config.guard, this.metrics.registry),
      onFirstByte: exchange => this.#firstByte(exchange),
      onEjected: (upstream, reason) => {
        this.metrics.ejections.labels(upstream.name, reason).inc();
        ejectedFor.set(upstream, reason);
        log.warn({ upstream: upstream.name, reason, timesEjected: upstream.outlier.timesEjected }, 'upstream ejected');
      },
      onBreakerChange: (upstream, { to, reason }) => {
        this.metrics.breakerChanges.labels(upstream.name, to).inc();
        log.warn({ upstream: upstream.name, breaker: to, reason }, 'circuit breaker changed');
      },
    };
    const context = { config, clock, log, deadlines: this.#deadlines, registry: this.metrics.registry };
    this.#limiter = createLimiter(context, options);
    this.identity = options.identity?.(this.metrics.registry);
    this.#traced = options.tracing?.(this.metrics.registry);
    this.#cache = createCache(context, options);
    this.#accounting = createAccounting(context, options);
    this.#preparer = createPreparer(context, options.transport);
    this.audit = createAudit(context, options, ({ request }) => addressOf(request));
    const onRun = (exchange: Exchange, durationMs: number) => this.#note(exchange, durationMs);
    this.#batch = openBatches(config, options.batch, { ...options, registry: this.metrics.registry, onRun });
    this.#routes = createRoutes({
      config,
      names,
      lifecycle: this.#lifecycle,
      ...{ limiter: this.#limiter, identity: this.identity, cache: this.#cache, accounting: this.#accounting },
      ...{ batch: this.#batch, preparer: this.#preparer, log },
      encryption: options.encryption?.(this.metrics.registry),
      forwardContext,
      bodyContext: this.#bodyContext,
    });
    this.adminRoutes = createAdminRoutes({
      ...{ config, fleet: this.#fleet, forwardContext, lifecycle: this.#lifecycle, connections },
      ...{ identity: this.identity, ejectedFor },
    });
  }

  /** Starts health checks, discovery and shared limits, which end when the gateway is disposed of. */
  start(): void {
    this.#limiter?.start();
    this.#cache?.start();
    this.#accounting?.start();
    this.#fleet.start();
    this.#routes.start();
  }

  /** Reports unready for good, and asks clients to close their connections with every further response. */
  drain(): void {
    Object.assign(this.#lifecycle, { draining: true, stopping: true });
    this.#batch?.drain();
  }

  /** Stops health checks and discovery and cancels requests in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#batch?.[Symbol.asyncDispose]();
    this.#limiter?.[Symbol.dispose]();
    this.identity?.[Symbol.dispose]();
    this.release?.[Symbol.dispose]();
    this.#cache?.[Symbol.dispose]();
    await this.#fleet[Symbol.asyncDispose]();
    await this.#preparer?.[Symbol.asyncDispose]();
    await this.#accounting?.[Symbol.asyncDispose]();
    await this.audit?.[Symbol.asyncDispose]();
    await this.#traced?.queue[Symbol.asyncDispose]();
  }

  /** Handles one HTTP request until it is finished. Responds with `rejection` if given. Never rejects: an error of its own ends this request alone. */
  async handle(request: IncomingMessage, response: ServerResponse, rejection?: ApiError): Promise<void> {
    try {
      await this.#handle(request, response, rejection);
    } catch (error) {
      this.#options.log.error({ err: error }, 'unexpected error');
      resetConnection(request.socket);
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse, rejection: ApiError | undefined): Promise<void> {
    const target = requestTarget(request);
    const route = target && this.#routes.find(target.path);
    const trace = joinTrace(request.headers.traceparent as string | undefined, this.#ids);
    const receivedMs = this.#options.clock.nowMs();
    const label = route ? (route.label ?? target.path) : 'other';
    const exchange = new Exchange(request, response, label, trace, receivedMs, this.#lifecycle);
    exchange.query = target?.query ?? '';
    const quiet = route?.quiet === true;
    if (!quiet) exchange.span = this.#traced?.tracing.begin(exchange);
    if (!quiet) exchange.corsHeaders = this.#cors?.headers(request);
    if (!quiet) this.metrics.inFlight.inc();
    try {
      if (rejection) throw rejection;
      if (!target) throw new ApiError(400, 'bad_request_target', 'The request target is no path and no http URL.');
      for (const stage of stagesFor(route, request, this.#cors)) {
        const pending = stage(exchange);
        if (pending) await pending;
      }
    } catch (thrown) {
      this.#respondError(exchange, thrown);
    } finally {
      if (!quiet) this.metrics.inFlight.dec();
    }
    if (!request.complete) lingerForBody(request, this.#bodyContext);
    this.#finish(exchange, quiet);
  }

  #createRelease({ config: { release: config }, clock, random, log, decisions: store }: GatewayOptions) {
    if (config === 'off') return undefined;
    const { registry } = this.metrics;
    return new Release({ config, fleet: this.#fleet, clock, random: random.stream('release'), registry, log, store });
  }

  #finish(exchange: Exchange, quiet: boolean): void {
    if (exchange.streamed && exchange.firstByteMs !== undefined) this.metrics.streamsActive.dec();
    if (quiet) return;
    if (exchange.outcome === 'cancelled') {
      exchange.reason = this.connections.closeReasonOf(exchange.request.socket) ?? exchange.reason;
    }
    const durationMs = this.#options.clock.nowMs() - exchange.receivedMs;
    this.metrics.recordRequest(exchange.route, statusOf(exchange), durationMs);
    this.#note(exchange, durationMs);
  }

  #note(exchange: Exchange, durationMs: number): void {
    exchange.end();
    logRequest(this.#options.log, exchange, durationMs);
    this.audit?.record(exchange, durationMs);
    this.#traced?.tracing.finish(exchange, durationMs);
  }

  #firstByte(exchange: Exchange): void {
    exchange.firstByteMs = this.#options.clock.nowMs() - exchange.receivedMs;
    this.metrics.recordFirstByte(exchange, exchange.firstByteMs);
    if (exchange.streamed) this.metrics.streamsActive.inc();
  }

  #respondError(exchange: Exchange, thrown: unknown): void {
    const isExpected = thrown instanceof ApiError;
    if (!isExpected) this.#options.log.error({ err: thrown }, 'unexpected error');
    const error = isExpected ? thrown : new ApiError(500, 'internal_error', 'Internal gateway error.');
    if (exchange.outcome === 'completed') exchange.outcome = isExpected ? 'rejected' : 'failed';
    exchange.reason ??= error.code;
    // When a client disconnects in the middle of its body, the request fails before the response is closed.
    if (exchange.clientDisconnected || exchange.request.socket.destroyed) exchange.outcome = 'cancelled';
    else if (exchange.response.headersSent) exchange.response.destroy();
    else sendJson(exchange.response, error.status, errorBody(error), [...exchange.headers(), ...error.headers]);
  }
}
