import { Counter, Gauge, Registry } from 'prom-client';

/** Metrics of the autoscaler. */
export class AutoscalerMetrics {
  readonly registry = new Registry();
  /** Label values: `scaled` · `held` · `failed`: no metric said anything · `unreachable`: nor could the scale be read or set. */
  readonly syncs: Counter<'result'>;
  readonly rescales: Counter<'direction'>;
  readonly scrapes: Counter<'source' | 'result'>;
  /** `kind`: `current` · `desired` · `existing`. */
  readonly replicas: Gauge<'kind'>;
  /** `kind`: `value` · `target`. */
  readonly metricValues: Gauge<'metric' | 'kind'>;
  /** 1 for the reason of each condition. */
  readonly conditions: Gauge<'type' | 'status' | 'reason'>;
  /** What a policy says of itself. */
  readonly policyValues: Gauge<'name'>;

  constructor() {
    const registers = [this.registry];
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `autoscaler_${name}`, help, labelNames, registers });
    const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Gauge({ name: `autoscaler_${name}`, help, labelNames, registers });
    this.syncs = counter('syncs_total', 'Decisions by result', 'result');
    this.rescales = counter('rescales_total', 'Changes of the number of replicas', 'direction');
    this.scrapes = counter('scrapes_total', 'Scrapes of replicas by result', 'source', 'result');
    this.replicas = gauge('replicas', 'Replicas as of the last decision', 'kind');
    this.metricValues = gauge('metric', 'Values and targets of the metrics as of the last decision', 'metric', 'kind');
    this.conditions = gauge('condition', 'Conditions as of the last decision', 'type', 'status', 'reason');
    this.policyValues = gauge('policy', 'What the policy says of itself, as of the last decision', 'name');
  }
}
