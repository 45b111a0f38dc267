import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ConnectionState } from './connections/connections.ts';
import type { AttemptResult } from './forward/attempt.ts';
import type { Exchange } from './http/exchange.ts';
import { stateOf, type UpstreamSet, type UpstreamState } from './upstream/upstreams.ts';

const STATES: readonly UpstreamState[] = ['usable', 'ejected', 'unhealthy', 'unknown'];
const TIME_TO_FIRST_BYTE_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const DURATION_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** Where the gauges that are read on demand come from. */
export interface MetricSources {
  readonly upstreams: UpstreamSet;
  readonly nowMs: () => number;
  /** Retries that the budget would allow now. */
  readonly budgetRemaining: () => number;
  readonly connections: () => Readonly<Record<ConnectionState, number>>;
}

/**
 * Every metric of the gateway, on a registry of its own (the program adds Node's process metrics to it). Names start with `gateway_`, durations are in seconds. Label values
 * come from bounded sets. The children of a labelled metric are looked up once and kept, since prom-client's own lookup
 * sorts and joins the labels at every call.
 */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly retries: Counter<'reason'>;
  readonly retriesDenied: Counter;
  readonly ejections: Counter<'upstream'>;
  readonly broken: Counter<'reason'>;
  readonly inFlight: Gauge;
  readonly streamsActive: Gauge;
  readonly healthChecks: Counter<'upstream' | 'result'>;
  /** `ok`; `empty`: answered with nobody, and not believed; `error`. */
  readonly discoveryQueries: Counter<'result'>;
  /** 1 while the list of upstreams is an old one, because discovery does not answer or names nobody. */
  readonly discoveryStale: Gauge;
  /** `added`, `removed`, `moved`; `kept`: no longer named, but sound. */
  readonly upstreamChanges: Counter<'change'>;
  /** Connections closed on their clients, by what those did; see `connections/evictions.ts`. */
  readonly evictions: Counter<'reason'>;
  readonly #requests: (route: string, status: string) => Counter.Internal;
  readonly #durations: (route: string) => Histogram.Internal<'route'>;
  readonly #firstBytes: (route: string, stream: string) => Histogram.Internal<'route' | 'stream'>;
  readonly #attempts: (upstream: string, outcome: string) => Counter.Internal;

  constructor() {
    const registers = [this.registry];
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `gateway_${name}`, help, labelNames, registers });
    const gauge = (name: string, help: string) => new Gauge({ name: `gateway_${name}`, help, registers });

    this.retries = counter('retries_total', 'Attempts beyond the first, by what the one before died of', 'reason');
    this.retriesDenied = counter('retries_denied_total', 'Retries that the budget refused');
    this.ejections = counter('ejections_total', 'Passive outlier ejections', 'upstream');
    this.broken = counter('broken_answers_total', 'Answers that broke off after their first byte', 'reason');
    this.inFlight = gauge('requests_in_flight', 'Requests being handled');
    this.streamsActive = gauge('streams_active', 'Streamed answers that have begun and not ended');
    this.healthChecks = counter('health_checks_total', 'Active health checks', 'upstream', 'result');

    this.discoveryQueries = counter('discovery_queries_total', 'Queries for upstreams by result', 'result');
    this.discoveryStale = gauge(
      'discovery_stale',
      '1 while the last good list of upstreams is kept for want of a newer one',
    );
    this.upstreamChanges = counter('upstream_changes_total', 'Changes that discovery made to the upstreams', 'change');

    this.evictions = counter(
      'connections_evicted_total',
      'Connections that were closed on their clients, by what those did',
      'reason',
    );
    const requests = counter('requests_total', 'Requests by route and response status', 'route', 'status');
    const attempts = counter('upstream_requests_total', 'Attempts by upstream and outcome', 'upstream', 'outcome');
    const durations = new Histogram({
      name: 'gateway_request_duration_seconds',
      help: 'From the request line to the last byte handed to the socket',
      labelNames: ['route'],
      buckets: DURATION_SECONDS,
      registers,
    });
    const firstBytes = new Histogram({
      name: 'gateway_time_to_first_byte_seconds',
      help: 'From the request line to the first body byte of the upstream',
      labelNames: ['route', 'stream'],
      buckets: TIME_TO_FIRST_BYTE_SECONDS,
      registers,
    });
    this.#requests = remember((route, status) => requests.labels(route, status));
    this.#attempts = remember((upstream, outcome) => attempts.labels(upstream, outcome));
    this.#firstBytes = remember((route, stream) => firstBytes.labels(route, stream));
    this.#durations = remember(route => durations.labels(route));
  }

  /** Adds the gauges that are computed when somebody asks. */
  observe({ upstreams, nowMs, budgetRemaining, connections }: MetricSources): void {
    const registers = [this.registry];
    new Gauge({
      name: 'gateway_connections',
      help: 'Open connections of clients by what they are doing',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(connections())) this.set({ state }, count);
      },
    });
    new Gauge({
      name: 'gateway_retry_budget_remaining',
      help: 'Retries that the budget would allow now',
      registers,
      collect() {
        this.set(budgetRemaining());
      },
    });
    new Gauge({
      name: 'gateway_upstream_in_flight',
      help: 'Attempts running on each upstream',
      labelNames: ['upstream'],
      registers,
      collect() {
        this.reset();
        for (const upstream of upstreams.all) this.set({ upstream: upstream.name }, upstream.inFlight);
      },
    });
    new Gauge({
      name: 'gateway_upstream_state',
      help: '1 for the state that each upstream is in',
      labelNames: ['upstream', 'state'],
      registers,
      collect() {
        this.reset();
        for (const upstream of upstreams.all) {
          const current = stateOf(upstream, nowMs());
          for (const state of STATES) this.set({ upstream: upstream.name, state }, state === current ? 1 : 0);
        }
      },
    });
  }

  /** Counts one attempt: the class of its status (`2xx`), what it died of, or `cancelled`. */
  attempted(upstream: string, result: AttemptResult): void {
    const { kind } = result;
    const outcome = kind === 'answered' ? statusClass(result.status) : kind === 'failed' ? result.failure : kind;
    this.#attempts(upstream, outcome).inc();
  }

  /** Records the first body byte of an answer. */
  firstByte(exchange: Exchange, ttfbMs: number): void {
    this.#firstBytes(exchange.route, exchange.streamed ? 'true' : 'false').observe(ttfbMs / 1000);
  }

  /** Counts a finished request; `status` is 499 when the client left before there was one. */
  finished(route: string, status: number, durationMs: number): void {
    this.#requests(route, String(status)).inc();
    this.#durations(route).observe(durationMs / 1000);
  }
}

function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

/** Caches `find` by its arguments, which must come from bounded sets. */
function remember<A extends string[], T>(find: (...labels: A) => T): (...labels: A) => T {
  const known = new Map<string, T>();
  return (...labels) => {
    const key = labels.join('\n');
    let found = known.get(key);
    if (found === undefined) {
      found = find(...labels);
      known.set(key, found);
    }
    return found;
  };
}
