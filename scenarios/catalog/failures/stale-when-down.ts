import { scenario } from '../../scenario.ts';

/** The only replica dies. What the gateway has cached is sent although it has expired, until the replica is back. */
export default scenario({
  name: 'stale-when-down',
  why: 'All replicas are down. A response of a minute ago is better than an error: the gateway must send what it has cached, marked as stale, and return to fresh ones when a replica is back.',
  covers: ['A2.7', 'B6'],
  stack: {
    gateway: { cache: { ttl: '2s', stale: '10m' }, merge: {} },
    inference: { replicas: 1, profile: 'qwen3-8b-fp8-h100' },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '2s' },
      { name: 'steady', at: '30/s', for: '18s' },
    ],
    workload: { promptTokens: [32, 128], outputTokens: [8, 16], duplicates: { ratio: 1, distinct: 5 } },
    body: { temperature: 0 },
  },
  faults: [{ id: 'outage', kind: 'kill', on: 'inference-1', at: '7s', for: '6s' }],
  slos: [
    { name: 'error rate in the outage', window: 'fault:outage', objective: 'errors <= 5%' },
    { name: 'TTFT in the outage', window: 'fault:outage', objective: 'p95(ttft | completed) <= 500 ms' },
    { name: 'TTFT before the outage', window: 'baseline', objective: 'p95(ttft) <= 250 ms' },
  ],
  proof: [
    {
      without: 'stale responses',
      set: { 'stack.gateway.cache.stale': '0s' },
      breaks: 'error rate in the outage',
    },
  ],
});
