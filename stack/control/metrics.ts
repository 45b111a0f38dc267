import { Counter, Gauge, Histogram, Registry as PrometheusRegistry } from 'prom-client';
import { type Registry, worstStatus } from './registry.ts';
import type { Scales } from './scale/scale.ts';
import type { Watchers } from './watchers.ts';

/** Where the gauges that are read on demand come from. */
export interface MetricSources {
  readonly registry: Registry;
  readonly scales: Scales;
  readonly watchers: Watchers;
}

/** The control service's metrics, on a registry of its own. Blocking queries count into durations with their wait. */
export class ControlMetrics {
  readonly registry = new PrometheusRegistry();
  readonly requests: Counter<'route' | 'status'>;
  readonly durations: Histogram<'route'>;
  readonly expired: Counter;
  readonly reaped: Counter;

  constructor({ registry: services, scales, watchers }: MetricSources) {
    const registers = [this.registry];
    const labels = ['route', 'status'] as const;
    this.requests = new Counter({ name: 'control_requests_total', help: 'Requests', labelNames: labels, registers });
    this.durations = new Histogram({
      name: 'control_request_duration_seconds',
      help: 'From the request line to the end of the answer',
      labelNames: ['route'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300],
      registers,
    });
    this.expired = new Counter({ name: 'control_ttl_expired_total', help: 'TTL checks that ran out', registers });
    this.reaped = new Counter({ name: 'control_reaped_total', help: 'Services deregistered as critical', registers });
    new Gauge({
      name: 'control_services',
      help: 'Registered instances by service and worst status of their checks',
      labelNames: ['service', 'status'],
      registers,
      collect() {
        this.reset();
        for (const { definition, checks } of services.services())
          this.inc({ service: definition.name, status: worstStatus(checks) });
      },
    });
    new Gauge({
      name: 'control_blocked_queries',
      help: 'Queries and watches that wait for a change',
      registers,
      collect() {
        this.set(watchers.size);
      },
    });
    new Gauge({
      name: 'control_deployment_replicas',
      help: 'Replicas of each deployment: wanted, there, ready',
      labelNames: ['deployment', 'kind'],
      registers,
      collect() {
        for (const { name, replicas, observedReplicas, readyReplicas } of scales.all()) {
          this.set({ deployment: name, kind: 'wanted' }, replicas);
          this.set({ deployment: name, kind: 'observed' }, observedReplicas);
          this.set({ deployment: name, kind: 'ready' }, readyReplicas);
        }
      },
    });
  }
}
