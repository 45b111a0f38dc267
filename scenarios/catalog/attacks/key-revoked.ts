import { scenario } from '../../scenario.ts';

/** A leaked API key is revoked on one of two gateways, while somebody goes on using a token that it got before. */
export default scenario({
  name: 'key-revoked',
  why: 'An API key has leaked and is revoked. A second later no gateway may accept a token that it got before, whichever of them was told, and nobody else may notice.',
  covers: ['A2.1'],
  stack: {
    gateway: { replicas: 2, identity: {} },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '3s' },
      { name: 'steady', at: '30/s', for: '22s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
    clients: {
      classes: [
        { name: 'users', weight: 9, key: 'sk-everyone-else' },
        { name: 'leaked', weight: 1, key: 'sk-leaked' },
      ],
    },
  },
  faults: [{ id: 'revoke', kind: 'key-revoked', on: 'gateway-1', key: 'sk-leaked', at: '8s', for: '10s' }],
  slos: [
    { name: 'the key is refused after 1 s', window: 'fault:revoke', objective: 'violations(revoke) <= 0' },
    { name: 'error rate of everyone else', class: 'users', objective: 'errors <= 1%' },
    { name: 'TTFT of everyone else', class: 'users', window: 'fault:revoke', objective: 'p95(ttft) <= 350 ms' },
  ],
  proof: [
    {
      without: 'revocations that gateways share',
      set: { 'stack.redis': 'off' },
      breaks: 'the key is refused after 1 s',
    },
  ],
});
