import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** A load that doubles at each step, up to 250 requests per second: 1/20 of 5,000, since two cores run the stack, the load and the judge. */
export default scenario({
  name: 'step-load',
  why: 'Scaled 1/20: 250 requests per second here stand for 5,000 in production, and 45 per replica for 900. The load doubles in sudden steps up to that rate, which is more than the replicas there can serve. The autoscaler must see it, and add replicas through their cold start: P99 latency must be back below 650 ms within two minutes of production, and stay there, with almost no errors along the way.',
  covers: ['A4.1', 'B3', 'B9', 'C2', 'C3'],
  stack: {
    control: {},
    gateway: { replicas: 2 },
    // One request at a time: a replica serves 60 in a second. Its weights are in the page cache.
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 1, modelLoad: '20s', pricePerHour: 3 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 3,
        maxReplicas: 8,
        metrics: [perReplica('gateway_requests_per_second', '45')],
      }),
      rules: { gateway_requests_per_second: { series: 'gateway_requests_total', as: 'rate', window: '15s' } },
      scrape: '5s',
    },
    timeScale: 10,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'step-62', at: '62/s', for: '4s' },
      { name: 'step-125', at: '125/s', for: '6s' },
      { name: 'step-250', at: '250/s', for: '12s' },
      { name: 'scaled', at: '250/s', for: '6s' },
    ],
    // Without enough replicas hundreds of requests wait.
    maxInFlight: 3000,
    workload: { promptTokens: [8, 16], outputTokens: [1, 2] },
  },
  slos: [
    { name: 'latency once scaled', window: 'load:scaled', objective: 'p99(latency) <= 650 ms' },
    { name: 'latency back after the step', objective: 'scaling(step).restored <= 120 s' },
    { name: 'decision', objective: 'scaling(step).decided <= 60 s' },
    { name: 'error rate', objective: 'errors <= 0.5%' },
  ],
  proof: [
    {
      without: 'the autoscaler',
      set: { 'stack.autoscaler': 'off' },
      breaks: ['latency once scaled', 'latency back after the step', 'decision'],
    },
  ],
});
