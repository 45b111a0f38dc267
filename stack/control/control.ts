import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import { foreignSite } from '../../harness/http/own-names.ts';
import { requestTarget } from '../../harness/http/request-target.ts';
import type { Random } from '../../harness/random.ts';
import { metricsText } from '../observability/metrics-text.ts';
import { tokenCheck } from '../token.ts';
import type { ControlConfig } from './config.ts';
import type { NodeInfo } from './consul/catalog-json.ts';
import { consulRoutes, route } from './consul/consul-routes.ts';
import { type Exchange, HttpError, type Route, sendJson, sendText } from './exchange.ts';
import { HttpChecker, type Probe } from './http-checker.ts';
import { ControlMetrics } from './metrics.ts';
import { Registry } from './registry.ts';
import { Pods } from './scale/pods.ts';
import { Scales } from './scale/scale.ts';
import { StatusError, scaleRoutes } from './scale/scale-routes.ts';
import { Watchers } from './watchers.ts';

interface ControlOptions {
  readonly config: ControlConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly newUid: () => string;
  /** Address of the node, used for services without one. */
  readonly address: string;
  /** Required for whatever changes anything. */
  readonly token: string;
  /** Names of its own in the networks that it is in, besides its addresses. */
  readonly names: readonly string[];
  readonly probe: Probe;
  readonly log: (line: Readonly<Record<string, unknown>>, message: string) => void;
}

// The reason of an abort that nobody reads; without one, each abort costs an exception with its stack.
const DISCONNECTED = 'disconnected';

/** Interval between ticks of the registry, the maximum delay until an expired TTL is detected. */
const TICK_MS = 50;

/**
 * Control service without its listening socket: Consul's registry and Kubernetes' Scale, kept only in memory.
 *
 * Reads need no token, so that gateways, which clients reach, have none: they learn no more than addresses of links. Changes do, and the
 * pages of other sites in a browser get nothing, see {@link foreignSite}.
 */
export class Control implements Disposable {
  readonly metrics: ControlMetrics;
  readonly #options: ControlOptions;
  readonly #registry: Registry;
  readonly #onChange: () => void;
  readonly #checker: HttpChecker;
  readonly #routes: readonly Route[];
  readonly #lacksToken: ReturnType<typeof tokenCheck>;
  readonly #stop = new AbortController();
  #draining = false;

  constructor(options: ControlOptions) {
    const { config, clock, random, newUid, address, token, probe } = options;
    this.#options = options;
    this.#lacksToken = tokenCheck(token);
    // Wall-clock milliseconds, so that no index or version is reused after a restart.
    const first = clock.date().getTime();
    const registry = new Registry(Math.max(1, first));
    const scales = new Scales(config.deployments, clock.date(), newUid, Math.max(1, first));
    const pods = new Pods();
    this.#registry = registry;
    const watchers = new Watchers(clock, config.maxWaiting);
    const { name, datacenter } = config;
    const node: NodeInfo = { id: newUid(), name, address, datacenter, index: registry.index() };
    const onChange = () => {
      this.#checker.sync();
      watchers.notify();
    };
    this.#onChange = onChange;
    this.#checker = new HttpChecker({ registry, clock, random: random.stream('checks'), probe, onChange });
    this.metrics = new ControlMetrics(registry, scales, watchers);
    this.#routes = [
      ...consulRoutes({ registry, watchers, node, clock, random: random.stream('wait'), config, onChange }),
      ...scaleRoutes({ scales, pods, watchers, clock, onChange }),
      ...pods.routes(),
      ...this.#probes(),
    ];
  }

  /** Applies timeouts until disposed of. */
  async run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal).catch(() => {});
      const events = this.#registry.tick(clock.nowMs());
      for (const { kind, ...subject } of events) {
        this.metrics[kind].inc();
        log(subject, kind === 'expired' ? 'TTL expired' : 'critical service deregistered');
      }
      if (events.length > 0) this.#onChange();
    }
  }

  /** Reports unready and ends all blocked queries. */
  drain(): void {
    this.#draining = true;
    this.#stop.abort();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#checker.stop();
  }

  /** Handles one HTTP request until it is finished. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const receivedMs = this.#options.clock.nowMs();
    const disconnected = new AbortController();
    response.once('close', () => disconnected.abort(DISCONNECTED));
    const signal = AbortSignal.any([disconnected.signal, this.#stop.signal]);
    let name = 'other';
    try {
      const foreign = foreignSite(request, this.#options.names);
      if (foreign !== undefined) throw refusal(request, 403, foreign);
      const { path, query } = requestTarget(request) ?? { path: '', query: '' };
      const found = this.#routes.find(({ pattern }) => pattern.test(path));
      name = found?.name ?? name;
      await this.#serve(found, path, { request, response, query: new URLSearchParams(query), signal });
    } catch (error) {
      this.#respondError(response, error);
    }
    this.metrics.requests.inc({ route: name, status: String(response.statusCode) });
    this.metrics.durations.observe({ route: name }, (this.#options.clock.nowMs() - receivedMs) / 1000);
  }

  async #serve(found: Route | undefined, path: string, exchange: Exchange): Promise<void> {
    if (!found) throw new HttpError(404, 'Not found');
    const method = exchange.request.method ?? 'GET';
    const handler = found.methods[method === 'HEAD' ? 'GET' : method];
    if (!handler)
      throw new HttpError(405, `method ${method} not allowed`, { allow: Object.keys(found.methods).join() });
    const missing = handler === found.methods.GET ? undefined : this.#lacksToken(exchange.request);
    if (missing !== undefined) throw refusal(exchange.request, 401, missing);
    await handler(exchange, decode(found.pattern.exec(path)?.[1] ?? ''));
  }

  #respondError(response: ServerResponse, error: unknown): void {
    if (error instanceof StatusError) sendJson({ response }, error.status, error.toJson());
    else if (error instanceof HttpError) sendText({ response }, error.status, error.message, error.headers);
    else if (!response.destroyed) {
      this.#options.log({ error: messageOf(error) }, 'unexpected error');
      if (response.headersSent) response.destroy();
      else sendText({ response }, 500, 'internal error');
    }
  }

  #probes(): Route[] {
    const { registry } = this.metrics;
    return [
      route('/healthz', { GET: exchange => sendText(exchange, 200, 'ok\n') }),
      route('/readyz', {
        GET: exchange => sendText(exchange, this.#draining ? 503 : 200, this.#draining ? 'draining\n' : 'ready\n'),
      }),
      route('/metrics', {
        GET: async to =>
          sendText(to, 200, await metricsText([registry], to.query.toString()), {
            'content-type': registry.contentType,
          }),
      }),
    ];
  }
}

/** Refusal in the form of the API that the request is for: Consul's has 403 alone. */
function refusal({ url = '' }: IncomingMessage, status: 401 | 403, reason: string): HttpError {
  if (!url.includes('/apis/')) return new HttpError(403, `Permission denied: ${reason}`);
  return new StatusError(status, status === 401 ? 'Unauthorized' : 'Forbidden', reason);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HttpError(400, 'Invalid percent-encoding in the path');
  }
}
