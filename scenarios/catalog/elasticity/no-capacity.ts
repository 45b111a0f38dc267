import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** More load than GPUs, and no more GPUs to be had. */
export default scenario({
  name: 'no-capacity',
  why: 'The load is twice what three replicas serve, the autoscaler asks for more, and there is no node for them: its own pool has none left, and the provider has no spot nodes. What has no place stays pending, with the reason, while those that run must not suffer from it: what they can serve is served in time, the rest is turned away at once, a training job that wants the same GPUs does not get them, and when the load is gone everything is as before.',
  covers: ['A2.2', 'A4.2'],
  stack: {
    control: {},
    gateway: { limits: { perKey: 'off', global: { perSecond: 40, burst: 20 } } },
    // Two requests at a time: a replica serves 16 in a second.
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 2 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 3,
        maxReplicas: 12,
        metrics: [perReplica('gateway_requests_in_flight', '1')],
      }),
    },
    capacity: {
      pools: [
        { name: 'reserved', gpusPerNode: 3, min: 1, max: 1, pricePerHour: 9 },
        { name: 'spot', gpusPerNode: 1, max: 0, pricePerHour: 0.6, spot: {} },
      ],
      inference: { priority: 90 },
      workloads: [{ name: 'training', priority: 50, replicas: 3, minAvailable: 3, at: '3s' }],
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'before', at: '20/s', for: '2s' },
      { name: 'overload', at: '120/s', for: '8s' },
      { name: 'after', at: '20/s', for: '4s' },
    ],
    maxInFlight: 3000,
    workload: { promptTokens: [8, 16], outputTokens: [15, 20] },
  },
  slos: [
    { name: 'what can be served is', window: 'load:overload', objective: 'goodput(ttft 500 ms) >= 30/s' },
    { name: 'TTFT after it', window: 'load:after', objective: 'p90(ttft) <= 300 ms' },
  ],
  proof: [
    {
      without: 'a limit of what is let in',
      set: { 'stack.gateway.limits.global': 'off' },
      breaks: ['what can be served is', 'TTFT after it'],
    },
    {
      without: 'a priority above that of training',
      set: { 'stack.capacity.inference.priority': 10 },
      breaks: ['what can be served is', 'TTFT after it'],
    },
  ],
});
