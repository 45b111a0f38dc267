import { scenario } from '../../scenario.ts';

/** An engine hangs for less than any timeout. What it holds meanwhile is bounded by its bulkhead, and all else is served by the others. */
export default scenario({
  name: 'bulkhead',
  why: 'The engine of a replica stops for eight seconds: its health checks pass, and no timeout has passed yet, so nothing ejects it. It must not take in all requests whose turn it is, but only as many as it may have in progress.',
  covers: ['A2.6'],
  stack: {
    gateway: { balancer: 'round-robin', bulkhead: { perUpstream: 8 } },
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '3s' },
      { name: 'steady', at: '30/s', for: '22s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [8, 16] },
  },
  faults: [{ id: 'hang', kind: 'engine-failure', as: 'hang', on: 'inference-2', at: '9s', for: '8s' }],
  slos: [
    { name: 'TTFT before the fault', window: 'baseline', objective: 'p95(ttft) <= 500 ms' },
    { name: 'TTFT while the engine hangs', window: 'fault:hang', objective: 'p90(ttft) <= 700 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
  ],
  proof: [
    {
      without: 'the bulkhead',
      set: { 'stack.gateway.bulkhead': 'off' },
      breaks: 'TTFT while the engine hangs',
    },
  ],
});
