import { Counter, Gauge, Histogram, Registry as PrometheusRegistry } from 'prom-client';
import { computedGauge } from '../observability/computed-gauge.ts';
import { type Registry, worstStatus } from './registry.ts';
import type { Scales } from './scale/scale.ts';
import type { Watchers } from './watchers.ts';

/** Metrics of the control service. Durations of blocking queries include the time they were blocked. */
export class ControlMetrics {
  readonly registry = new PrometheusRegistry();
  readonly requests: Counter<'route' | 'status'>;
  readonly durations: Histogram<'route'>;
  readonly expired: Counter;
  readonly reaped: Counter;

  constructor(services: Registry, scales: Scales, watchers: Watchers) {
    const registers = [this.registry];
    const labels = ['route', 'status'] as const;
    this.requests = new Counter({ name: 'control_requests_total', help: 'Requests', labelNames: labels, registers });
    this.durations = new Histogram({
      name: 'control_request_duration_seconds',
      help: 'Time from request line to end of response',
      labelNames: ['route'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300],
      registers,
    });
    this.expired = new Counter({ name: 'control_ttl_expired_total', help: 'Expired TTL checks', registers });
    this.reaped = new Counter({ name: 'control_reaped_total', help: 'Critical services deregistered', registers });
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
    computedGauge(this.registry, 'control_blocked_queries', 'Blocked queries and watches', () => watchers.size);
    new Gauge({
      name: 'control_deployment_replicas',
      help: 'Replicas of each deployment: desired, observed, ready',
      labelNames: ['deployment', 'kind'],
      registers,
      collect() {
        for (const { name, replicas, observedReplicas, readyReplicas } of scales.all()) {
          this.set({ deployment: name, kind: 'desired' }, replicas);
          this.set({ deployment: name, kind: 'observed' }, observedReplicas);
          this.set({ deployment: name, kind: 'ready' }, readyReplicas);
        }
      },
    });
  }
}
