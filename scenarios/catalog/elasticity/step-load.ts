import { scenario } from '../../scenario.ts';

/** A load that doubles at each step, up to 250 requests per second: 1/20 of 5,000, since two cores run the stack, the load and the judge. */
export default scenario({
  name: 'step-load',
  why: 'Scaled 1/20: 250 requests per second here stand for 5,000 in production, and 25 per replica for 500. The load doubles in sudden steps up to that rate. The autoscaler must add replicas ahead of it, each through a cold start of two minutes: P99 latency must stay below 650 ms at the last step, with almost no errors along the way, and be back within two minutes of every step.',
  covers: ['A4.1', 'B3', 'B9', 'C2', 'C3'],
  stack: {
    control: {},
    gateway: { replicas: 2 },
    // One request at a time: a replica serves 60 in a second.
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 1, pricePerHour: 3 },
    autoscaler: {
      hpa: {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'inference' },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'inference' },
          minReplicas: 3,
          maxReplicas: 12,
          metrics: [
            {
              type: 'External',
              external: {
                metric: { name: 'gateway_requests_per_second' },
                target: { type: 'AverageValue', averageValue: '25' },
              },
            },
          ],
        },
      },
      rules: { gateway_requests_per_second: { series: 'gateway_requests_total', as: 'rate', window: '1m' } },
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'step-31', at: '31/s', for: '5s' },
      { name: 'step-62', at: '62/s', for: '5s' },
      { name: 'step-125', at: '125/s', for: '8s' },
      { name: 'step-250', at: '250/s', for: '10s' },
    ],
    // Without enough replicas hundreds of requests wait.
    maxInFlight: 3000,
    workload: { promptTokens: [8, 16], outputTokens: [1, 2] },
  },
  slos: [
    { name: 'latency at the last step', window: 'load:step-250', objective: 'p99(latency) <= 650 ms' },
    { name: 'latency back after each step', objective: 'scaling(step).restored <= 120 s' },
    { name: 'replicas for each step', objective: 'scaling(load:step-250).decided <= 60 s' },
    { name: 'error rate', objective: 'errors <= 0.5%' },
  ],
  proof: [
    {
      without: 'the autoscaler',
      set: { 'stack.autoscaler': 'off' },
      breaks: ['latency at the last step', 'latency back after each step', 'replicas for each step'],
    },
  ],
});
