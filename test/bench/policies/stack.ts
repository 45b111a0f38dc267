import type { Scenario } from '../../../scenarios/scenario.ts';

/** Fewest and most replicas of every policy; those of the requirements. */
const BOUNDS = { minReplicas: 3, maxReplicas: 20 };

/**
 * A stack at production speed, whose replicas take two minutes to load. One generates for one request at a time, so that few requests need
 * many replicas: a replica carries 1.07 requests a second.
 */
export const STACK = {
  control: { ttl: '15s' },
  gateway: { replicas: 1, healthChecks: { interval: '5s' } },
  inference: { replicas: 4, maxReplicas: BOUNDS.maxReplicas, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
} satisfies Scenario['stack'];

/** Nearly all responses come whole, since each chunk of a stream costs time to simulate; the policy `slo` sees the streams. */
export const LOAD: Omit<Scenario['load'], 'stages'> = {
  workload: { promptTokens: [16, 32], outputTokens: [150, 250], stream: false },
  clients: {
    classes: [
      { name: 'whole', weight: 19 },
      { name: 'streams', weight: 1, workload: { stream: true } },
    ],
  },
  maxInFlight: 5000,
};

/** A request is within its SLO if its response is complete in 3 s, which takes 0.7 to 1.2 s without a queue. */
export const SLOS = [
  { name: 'within SLO', objective: 'goodput(latency 3 s) >= 95%' },
  { name: 'error rate', objective: 'errors <= 1%' },
];

const METRIC = 'gateway_requests_in_flight';

/** What policies aim at, in requests in flight per replica, and within which bounds. */
export const SIZING = { ...BOUNDS, target: 0.6 };

/** A HorizontalPodAutoscaler. @param behavior @default that of Kubernetes */
export function hpa(behavior?: object, { target, ...bounds } = SIZING) {
  const averageValue = `${target * 1000}m`;
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'inference' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'inference' },
      ...bounds,
      metrics: [
        {
          type: 'External',
          external: { metric: { name: METRIC }, target: { type: 'AverageValue', averageValue } },
        },
      ],
      ...(behavior && { behavior }),
    },
  };
}

/**
 * Every policy beside static provisioning for the peak.
 * @param peak replicas for the peak
 * @param period after which the load repeats
 * @param windows of the policy `schedule`: when it expects more load, and how many replicas that needs
 */
export function policies(
  peak: number,
  period: string,
  windows: readonly { readonly start: string; readonly end: string; readonly replicas: number }[],
  sizing = SIZING,
): Scenario['variants'] {
  const { target, ...bounds } = sizing;
  const load = { metric: METRIC, target };
  const policy = (kind: string, settings: object = {}) => ({ policy: { kind, ...bounds, ...settings } });
  const knative = policy('knative', { target, targetUtilization: 1 });
  return {
    peak: { 'stack.inference.replicas': peak },
    hpa: { 'stack.autoscaler': { hpa: hpa(undefined, sizing) } },
    threshold: { 'stack.autoscaler': policy('threshold') },
    knative: { 'stack.autoscaler': { ...knative, syncPeriod: '2s', scrape: '2s' } },
    slo: { 'stack.autoscaler': policy('slo', { budget: '3s' }) },
    schedule: {
      'stack.autoscaler': {
        ...policy('schedule', { ...load, lead: '3m', windows }),
        date: '2026-03-02T09:00:00Z',
      },
    },
    predictive: { 'stack.autoscaler': policy('predictive', { ...load, period }) },
  };
}
