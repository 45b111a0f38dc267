import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** The autoscaler cannot read the metrics that it scales on, while the load stays as it is. */
export default scenario({
  name: 'stale-metrics',
  why: 'For eight minutes in production (eight seconds here) the autoscaler cannot scrape the gateway whose rate of requests it scales on. An unknown load is not a small one: all replicas must stay, and users must notice nothing.',
  covers: ['A4.1'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 6, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 3,
        maxReplicas: 8,
        metrics: [perReplica('load', '1300m')],
        behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
      }),
      rules: { load: { series: 'gateway_requests_total', as: 'rate', window: '1m' } },
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [{ name: 'steady', at: '8/s', for: '18s' }],
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  faults: [{ id: 'outage', kind: 'down', on: 'autoscaler→gateway-1', at: '5s', for: '8s' }],
  slos: [
    { name: 'TTFT during the outage', window: 'fault:outage', objective: 'p75(ttft) <= 500 ms' },
    { name: 'error rate', objective: 'errors <= 3%' },
  ],
  proof: [
    {
      without: 'the difference between no value and zero, which `or vector(0)` in a query takes away',
      set: { 'stack.autoscaler.rules.load.absent': 0 },
      breaks: 'TTFT during the outage',
    },
  ],
});
