import { scenario } from '../../scenario.ts';

/** A replica that accepts requests and never responds: its circuit breaker opens after five timeouts, and closes once trials succeed. */
export default scenario({
  name: 'breaker',
  why: 'The engine of a replica hangs: its health checks pass, and each request that it gets is lost in a timeout. After five of them the gateway must stop sending it any, try again from time to time, and use it again once it has recovered.',
  covers: ['A2.4', 'C10'],
  stack: {
    gateway: {
      // The breaker alone: an ejection would hide it.
      ejection: 'off',
      timeouts: { firstByte: '1s' },
      breaker: { consecutiveTimeouts: 5, open: '4s', trialRequests: 2 },
    },
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '3s' },
      { name: 'steady', at: '30/s', for: '37s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [8, 16] },
  },
  faults: [{ id: 'hang', kind: 'engine-failure', as: 'hang', on: 'inference-2', at: '8s', for: '18s' }],
  slos: [
    { name: 'TTFT before the fault', window: 'baseline', objective: 'p95(ttft) <= 500 ms' },
    { name: 'TTFT while the engine hangs', window: 'fault:hang', objective: 'p95(ttft) <= 700 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
    { name: 'recovery', objective: 'recovery(hang, from heal) <= 10 s' },
  ],
  proof: [
    {
      without: 'the circuit breaker',
      set: { 'stack.gateway.breaker': 'off' },
      breaks: 'TTFT while the engine hangs',
    },
  ],
});
