import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../../harness/clock.ts';
import type { RetryBudget } from '../../harness/retry/budget.ts';
import { computedGauge } from '../observability/computed-gauge.ts';
import type { Connections } from './connections/connections.ts';
import type { AttemptResult } from './forward/attempt-result.ts';
import type { Exchange } from './http/exchange.ts';
import type { BreakerState } from './upstream/breaker.ts';
import type { UpstreamSet, UpstreamState } from './upstream/upstreams.ts';

const STATES: readonly UpstreamState[] = [
  'usable',
  'ejected',
  'zombie',
  'open',
  'rate-limited',
  'unhealthy',
  'unknown',
];
const BREAKER_STATES: readonly BreakerState[] = ['closed', 'open', 'half-open'];
const TIME_TO_FIRST_BYTE_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const DURATION_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

interface MetricSources {
  readonly upstreams: UpstreamSet;
  readonly connections: Connections;
  readonly budget: RetryBudget;
  readonly clock: Clock;
}

/**
 * Metrics of the gateway on a registry of its own, to which the program adds Node's process metrics. Names start with `gateway_`,
 * durations are in seconds, label values come from bounded sets. Children of labelled metrics are cached, since prom-client sorts
 * and joins the labels at every lookup.
 */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly retries: Counter<'reason'>;
  readonly retriesDenied: Counter;
  /** `reason`: the failure that completed the series, or `zombie`. */
  readonly ejections: Counter<'upstream' | 'reason'>;
  /** Changes of circuit breakers, by the state that they change to. */
  readonly breakerChanges: Counter<'upstream' | 'to'>;
  /** Reads of upstreams without output that were held back, each usually one event. */
  readonly heldChunks: Counter;
  /** Responses that were relayed without output, by the limit that ended the hold: `bytes` · `time`. */
  readonly holdLimits: Counter<'limit'>;
  readonly truncated: Counter<'reason'>;
  readonly inFlight: Gauge;
  readonly streamsActive: Gauge;
  readonly healthChecks: Counter<'upstream' | 'result'>;
  /** Label values: `ok` · `empty`: no instances listed · `error`. */
  readonly discoveryQueries: Counter<'result'>;
  /** 1 while discovery fails or lists no instances. */
  readonly discoveryStale: Gauge;
  /** Label values: `added` · `removed` · `moved` · `kept`: no longer listed but healthy. */
  readonly upstreamChanges: Counter<'change'>;
  /** Client connections closed by the gateway, see `connections/forced-closes.ts`. */
  readonly forcedCloses: Counter<'reason'>;
  readonly #requests: (route: string, status: string) => Counter.Internal;
  readonly #durations: (route: string) => Histogram.Internal<'route'>;
  readonly #firstBytes: (route: string, stream: string) => Histogram.Internal<'route' | 'stream'>;
  readonly #attempts: (upstream: string, outcome: string) => Counter.Internal;

  constructor() {
    const registers = [this.registry];
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `gateway_${name}`, help, labelNames, registers });
    const gauge = (name: string, help: string) => new Gauge({ name: `gateway_${name}`, help, registers });

    this.retries = counter('retries_total', 'Retries by failure of the previous attempt', 'reason');
    this.retriesDenied = counter('retries_denied_total', 'Retries denied by the budget');
    this.ejections = counter('ejections_total', 'Passive outlier ejections by last failure', 'upstream', 'reason');
    this.breakerChanges = counter(
      'breaker_changes_total',
      'Changes of circuit breakers by new state',
      'upstream',
      'to',
    );
    this.heldChunks = counter('held_chunks_total', 'Chunks of responses held back until the first output');
    this.holdLimits = counter('hold_limits_total', 'Responses relayed before their first output, by limit', 'limit');
    this.truncated = counter('truncated_responses_total', 'Responses that broke off after their first byte', 'reason');
    this.inFlight = gauge('requests_in_flight', 'Requests in flight');
    this.streamsActive = gauge('streams_active', 'Streamed responses in progress');
    this.healthChecks = counter('health_checks_total', 'Active health checks by result', 'upstream', 'result');

    this.discoveryQueries = counter('discovery_queries_total', 'Discovery queries by result', 'result');
    this.discoveryStale = gauge('discovery_stale', '1 while discovery fails or lists no instances');
    this.upstreamChanges = counter('upstream_changes_total', 'Changes of the upstreams by discovery', 'change');

    const closes = 'Client connections closed by the gateway, by reason';
    this.forcedCloses = counter('connections_closed_total', closes, 'reason');
    const requests = counter('requests_total', 'Requests by route and response status', 'route', 'status');
    const attempts = counter('upstream_requests_total', 'Attempts by upstream and outcome', 'upstream', 'outcome');
    const durations = new Histogram({
      name: 'gateway_request_duration_seconds',
      help: 'Time from request line to last byte written to the socket',
      labelNames: ['route'],
      buckets: DURATION_SECONDS,
      registers,
    });
    const firstBytes = new Histogram({
      name: 'gateway_time_to_first_byte_seconds',
      help: 'Time from request line to first byte sent to the client',
      labelNames: ['route', 'stream'],
      buckets: TIME_TO_FIRST_BYTE_SECONDS,
      registers,
    });
    this.#requests = memoize((route, status) => requests.labels(route, status));
    this.#attempts = memoize((upstream, outcome) => attempts.labels(upstream, outcome));
    this.#firstBytes = memoize((route, stream) => firstBytes.labels(route, stream));
    this.#durations = memoize(route => durations.labels(route));
  }

  /** Registers the gauges that are computed at scrape time. */
  observe({ upstreams, connections, budget, clock }: MetricSources): void {
    const registers = [this.registry];
    new Gauge({
      name: 'gateway_connections',
      help: 'Open client connections by state',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(connections.countByState())) this.set({ state }, count);
      },
    });
    const help = 'Retries currently available in the budget';
    computedGauge(this.registry, 'gateway_retry_budget_remaining', help, () => budget.remaining(clock.nowMs()));
    new Gauge({
      name: 'gateway_upstream_in_flight',
      help: 'Attempts in flight by upstream',
      labelNames: ['upstream'],
      registers,
      collect() {
        this.reset();
        for (const upstream of upstreams.all) this.set({ upstream: upstream.name }, upstream.inFlight);
      },
    });
    computedGauge(
      this.registry,
      'gateway_breakers_open',
      'Circuit breakers that are open',
      () => upstreams.all.filter(upstream => upstreams.breakerOf(upstream, clock.nowMs()) === 'open').length,
    );
    new Gauge({
      name: 'gateway_breaker_state',
      help: '1 for the current state of the circuit breaker of each upstream; without breakers, nothing',
      labelNames: ['upstream', 'state'],
      registers,
      collect() {
        this.reset();
        for (const upstream of upstreams.all) {
          const current = upstreams.breakerOf(upstream, clock.nowMs());
          for (const state of BREAKER_STATES)
            if (current) this.set({ upstream: upstream.name, state }, state === current ? 1 : 0);
        }
      },
    });
    new Gauge({
      name: 'gateway_upstream_state',
      help: '1 for the current state of each upstream',
      labelNames: ['upstream', 'state'],
      registers,
      collect() {
        this.reset();
        for (const upstream of upstreams.all) {
          const current = upstreams.stateOf(upstream, clock.nowMs());
          for (const state of STATES) this.set({ upstream: upstream.name, state }, state === current ? 1 : 0);
        }
      },
    });
  }

  /** Counts one attempt by outcome: the class of its status (`2xx`), its failure, or `cancelled`. */
  recordAttempt(upstream: string, result: AttemptResult): void {
    const { kind } = result;
    const outcome =
      kind === 'completed' ? `${Math.floor(result.status / 100)}xx` : kind === 'failed' ? result.failure : kind;
    this.#attempts(upstream, outcome).inc();
  }

  /** Records the time to the first byte sent to the client. */
  recordFirstByte(exchange: Exchange, ttfbMs: number): void {
    this.#firstBytes(exchange.route, exchange.streamed ? 'true' : 'false').observe(ttfbMs / 1000);
  }

  /** Counts a finished request. `status` is 499 when the client disconnected before a status was sent. */
  recordRequest(route: string, status: number, durationMs: number): void {
    this.#requests(route, String(status)).inc();
    this.#durations(route).observe(durationMs / 1000);
  }
}

/** Memoizes `find`, whose arguments must come from bounded sets. */
function memoize<A extends string[], T>(find: (...labels: A) => T): (...labels: A) => T {
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
