import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Clock } from '../../harness/clock.ts';
import type { Random } from '../../harness/random.ts';
import { RetryBudget } from '../../harness/retry/budget.ts';
import type { ControlClient } from '../control/client.ts';
import type { GatewayConfig } from './config.ts';
import { Connections } from './connections/connections.ts';
import { bound } from './connections/limits.ts';
import { Deadlines } from './forward/deadlines.ts';
import type { ForwardContext } from './forward/forward.ts';
import { logRequest, statusOf } from './http/access-log.ts';
import { ApiError, errorBody, sendJson } from './http/api-error.ts';
import { Exchange, type Lifecycle } from './http/exchange.ts';
import { type BodyContext, lingerOver } from './http/request-body.ts';
import { createRoutes, type Route, stagesFor } from './http/routes.ts';
import { joinTrace } from './http/trace-context.ts';
import type { LimitsConfig } from './limits/config.ts';
import { LimitMetrics } from './limits/limit-metrics.ts';
import { Limiter } from './limits/limiter.ts';
import type { SharedBuckets } from './limits/shared-buckets.ts';
import { GatewayMetrics } from './metrics.ts';
import { Fleet } from './upstream/fleet.ts';
import type { TransportFactory } from './upstream/transport.ts';
import type { UpstreamSet } from './upstream/upstreams.ts';

/** Everything a gateway gets from its surroundings; it opens no socket and reads no clock of its own. */
export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: TransportFactory;
  /** Connects to the agent at a URL; needed where `config.discovery` is on. */
  readonly control?: (url: string) => Pick<ControlClient, 'instances'>;
  readonly log: Logger;
  /** Where gateways share their limits, if the configuration says so. */
  readonly sharedBuckets?: (redis: NonNullable<LimitsConfig['redis']>) => SharedBuckets;
}

/**
 * The gateway, apart from its listening socket.
 *
 * ```
 *  request ─► route ─► authenticate ─► limits ─► deadline ─► body ─► validate ─► forward ─► log, metrics
 *                └──────────────── an ApiError from any stage is the answer ────────────────────┘
 * ```
 */
export class Gateway implements AsyncDisposable {
  readonly metrics = new GatewayMetrics();
  readonly upstreams: UpstreamSet;
  readonly connections: Connections;
  readonly #options: GatewayOptions;
  readonly #fleet: Fleet;
  readonly #lifecycle: Lifecycle = { draining: false };
  readonly #deadlines: Deadlines;
  readonly #toRead: BodyContext;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #ids: Random;
  readonly #limiter: Limiter | undefined;

  constructor(options: GatewayOptions) {
    const { config, clock, random, log } = options;
    this.#options = options;
    this.#ids = random.stream('trace');
    this.#deadlines = new Deadlines(clock);
    this.connections = new Connections(config.connections, { clock, log, counter: this.metrics.evictions });
    const { connections } = this;
    this.#toRead = { clock, deadlines: this.#deadlines, connections, maxBytes: bound(config.maxBodyBytes) };
    this.#fleet = new Fleet({ ...options, metrics: this.metrics, deadlines: this.#deadlines });
    this.upstreams = this.#fleet.upstreams;
    const budget = new RetryBudget(config.retries);
    const nowMs = () => clock.nowMs();
    this.metrics.observe({
      upstreams: this.upstreams,
      nowMs,
      budgetRemaining: () => budget.remaining(nowMs()),
      connections: () => connections.census(),
    });
    const toForward: ForwardContext = {
      clock,
      random: random.stream('backoff'),
      retries: config.retries,
      budget,
      upstreams: this.upstreams,
      metrics: this.metrics,
      deadlines: this.#deadlines,
      timeouts: config.timeouts,
      firstByte: exchange => this.#firstByte(exchange),
      ejected: upstream => {
        this.metrics.ejections.labels(upstream.name).inc();
        log.warn({ upstream: upstream.name, timesEjected: upstream.outlier.timesEjected }, 'upstream ejected');
      },
    };
    this.#limiter = this.#createLimiter(options);
    const { upstreams: replicas, metrics } = this;
    const limiter = this.#limiter;
    const toRead = this.#toRead;
    this.#routes = createRoutes({
      config,
      lifecycle: this.#lifecycle,
      upstreams: replicas,
      metrics,
      limiter,
      toForward,
      toRead,
    });
  }

  /** Starts the active health checks, discovery and the shared limits; they end when the gateway is disposed of. */
  start(): void {
    this.#limiter?.start();
    this.#fleet.start();
  }

  /** Turns unready; every answer from now on asks its client to close the connection. */
  drain(): void {
    this.#lifecycle.draining = true;
  }

  /** Stops the checks and cancels whatever still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#limiter?.[Symbol.dispose]();
    await this.#fleet[Symbol.asyncDispose]();
  }

  /** Handles one HTTP request to its end; with `refusal`, that is the answer. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse, refusal?: ApiError): Promise<void> {
    const url = request.url ?? '/';
    const query = url.indexOf('?');
    const path = query < 0 ? url : url.slice(0, query);
    const route = this.#routes.get(path);
    const trace = joinTrace(request.headers.traceparent as string | undefined, this.#ids);
    const receivedMs = this.#options.clock.nowMs();
    const exchange = new Exchange(request, response, route ? path : 'other', trace, receivedMs, this.#lifecycle);
    // A scrape would otherwise always find itself.
    const quiet = route?.quiet === true;
    if (!quiet) this.metrics.inFlight.inc();
    try {
      if (refusal) throw refusal;
      for (const stage of stagesFor(route, request.method)) {
        const pending = stage(exchange);
        if (pending) await pending;
      }
    } catch (thrown) {
      this.#answerError(exchange, thrown);
    }
    if (!quiet) this.metrics.inFlight.dec();
    if (!request.complete) lingerOver(request, this.#toRead);
    this.#finish(exchange, quiet);
  }

  #createLimiter({ config: { limits }, clock, log, sharedBuckets }: GatewayOptions): Limiter | undefined {
    if (limits === 'off') return undefined;
    const shared = limits.redis && sharedBuckets?.(limits.redis);
    const metrics = new LimitMetrics(this.metrics.registry);
    return new Limiter({ config: limits, clock, deadlines: this.#deadlines, metrics, log, shared });
  }

  #finish(exchange: Exchange, quiet: boolean): void {
    if (exchange.streamed && exchange.firstByteMs !== undefined) this.metrics.streamsActive.dec();
    if (quiet) return;
    if (exchange.outcome === 'cancelled') {
      exchange.reason = this.connections.evictionOf(exchange.request.socket) ?? exchange.reason;
    }
    const durationMs = this.#options.clock.nowMs() - exchange.receivedMs;
    this.metrics.finished(exchange.route, statusOf(exchange), durationMs);
    logRequest(this.#options.log, exchange, durationMs);
  }

  #firstByte(exchange: Exchange): void {
    exchange.firstByteMs = this.#options.clock.nowMs() - exchange.receivedMs;
    this.metrics.firstByte(exchange, exchange.firstByteMs);
    if (exchange.streamed) this.metrics.streamsActive.inc();
  }

  #answerError(exchange: Exchange, thrown: unknown): void {
    const known = thrown instanceof ApiError;
    if (!known) this.#options.log.error({ err: thrown }, 'unexpected');
    const error = known ? thrown : new ApiError(500, 'internal_error', 'The gateway made a mistake.');
    if (exchange.outcome === 'answered') exchange.outcome = known ? 'rejected' : 'failed';
    exchange.reason ??= error.code;
    // A client that leaves while it sends its body shows as a broken request first, as a closed response later.
    if (exchange.clientGone || exchange.request.socket.destroyed) exchange.outcome = 'cancelled';
    else if (exchange.response.headersSent) exchange.response.destroy();
    else sendJson(exchange.response, error.status, errorBody(error), [...exchange.headers(), ...error.headers]);
  }
}
