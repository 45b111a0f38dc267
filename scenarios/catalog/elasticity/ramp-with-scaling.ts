import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** A slow ramp up to 50 requests per second: 1/100 of 5,000, so that two cores run it all, and its proof, in seconds. */
export default scenario({
  name: 'ramp-with-scaling',
  why: 'Scaled 1/100: 50 requests per second here stand for 5,000 in production, and 5 per replica for 500. The load rises to that rate within twenty minutes in production (twenty seconds here), which is slower than replicas start. The autoscaler must keep ahead of it: P99 latency must stay below 650 ms at the top.',
  covers: ['A4.1', 'C3'],
  stack: {
    control: {},
    // One request at a time: a replica serves nine in a second.
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 3,
        maxReplicas: 12,
        metrics: [perReplica('gateway_requests_per_second', '5')],
      }),
      rules: { gateway_requests_per_second: { series: 'gateway_requests_total', as: 'rate', window: '1m' } },
    },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'before', at: '5/s', for: '2s' },
      { name: 'ramp', to: '50/s', for: '20s' },
      { name: 'top', at: '50/s', for: '10s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [18, 22] },
  },
  slos: [
    { name: 'latency at the top', window: 'load:top', objective: 'p99(latency) <= 650 ms' },
    { name: 'error rate', objective: 'errors <= 0.5%' },
  ],
  proof: [
    {
      without: 'the autoscaler',
      set: { 'stack.autoscaler': 'off' },
      breaks: 'latency at the top',
    },
  ],
});
