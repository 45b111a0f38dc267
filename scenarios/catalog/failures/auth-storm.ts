import { scenario } from '../../scenario.ts';

/** The store of revocations and used proofs is slow, which the token endpoint needs as well, while tokens expire and are renewed. */
export default scenario({
  name: 'auth-storm',
  why: 'The store of revocations and used proofs becomes slow, and with it the token endpoint, while clients renew their tokens. Requests with a token must neither fail nor wait: what a gateway needs to check a token, it has.',
  covers: ['A2.1'],
  stack: {
    gateway: {
      replicas: 2,
      // Tokens are renewed three times while the store is slow.
      identity: { tokenLife: '5s' },
    },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '3s' },
      { name: 'steady', at: '30/s', for: '27s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
  },
  faults: [
    { id: 'slow', kind: 'latency', on: 'gateway→redis', at: '10s', for: '10s', latency: '900ms', jitter: '50ms' },
  ],
  slos: [
    { name: 'TTFT before the storm', window: 'baseline', objective: 'p95(ttft) <= 250 ms' },
    { name: 'TTFT in the storm', window: 'fault:slow', objective: 'p95(ttft) <= 350 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
  ],
  proof: [
    {
      without: 'decisions without the store',
      set: { 'stack.gateway.identity.onOutage': 'fail' },
      breaks: ['error rate', 'TTFT in the storm'],
    },
    {
      without: 'a timeout for the store',
      set: { 'stack.gateway.identity.redisTimeout': '5s' },
      breaks: 'TTFT in the storm',
    },
  ],
});
