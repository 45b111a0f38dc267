import { scenario } from '../../scenario.ts';

/** A replica whose engine stops: it is ready, accepts requests and opens streams, but no token ever comes. */
export default scenario({
  name: 'zombie-engine',
  why: 'The engine of a replica stops between two tokens, as after a lost GPU or a collective operation that waits for ever. Its health checks pass, it accepts requests and opens their streams, and no token comes. The gateway must notice that from its streams within a second, long before the timeouts that slow prompts need, send those requests elsewhere, and use the replica again once it really computes.',
  covers: ['A2.9', 'B7'],
  stack: {
    gateway: {
      // Least connections leave a replica alone once as many of its requests hang as are in flight elsewhere, which would hide most of it.
      balancer: 'round-robin',
      // With timeouts as prompts of a hundred thousand tokens need them, ejection comes too late.
      timeouts: { firstByte: '30s', firstToken: '30s', idle: '30s' },
      zombies: { silent: '800ms', trial: '1s' },
    },
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '2s' },
      { name: 'steady', at: '30/s', for: '18s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [20, 60] },
    maxInFlight: 2000,
  },
  faults: [{ id: 'zombie', kind: 'engine-failure', as: 'stall', on: 'inference-2', at: '5s', for: '8s' }],
  slos: [
    { name: 'TTFT before the fault', window: 'baseline', objective: 'p95(ttft) <= 500 ms' },
    { name: 'TTFT while the engine stands still', window: 'fault:zombie', objective: 'p95(ttft) <= 800 ms' },
    { name: 'errors', objective: 'errors <= 3%' },
    { name: 'recovery', objective: 'recovery(zombie, from heal) <= 6 s' },
  ],
  proof: [
    {
      without: 'zombie detection',
      set: { 'stack.gateway.zombies': 'off' },
      breaks: 'TTFT while the engine stands still',
    },
  ],
});
