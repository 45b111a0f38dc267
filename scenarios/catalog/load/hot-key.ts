import { scenario } from '../../scenario.ts';

/** Nearly all requests are one of ten. What one gateway has fetched once, all of them serve from the cache. */
export default scenario({
  name: 'hot-key',
  why: 'A few prompts make up nearly all of the traffic, more than the replicas can generate. Their responses must come from the cache that the gateways share: more than 95 % of the requests, at once.',
  covers: ['A2.7', 'C14'],
  stack: {
    gateway: { replicas: 2, cache: { ttl: '10m' } },
    inference: { replicas: 1, profile: 'qwen3-8b-fp8-h100', maxBatch: 9 },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '70/s', for: '2s' },
      { name: 'hot', at: '70/s', for: '5s' },
    ],
    workload: { promptTokens: [32, 128], outputTokens: [16, 32], duplicates: { ratio: 0.98, distinct: 10 } },
    // Random responses are not kept, unless a request allows it.
    body: { temperature: 0 },
  },
  slos: [
    { name: 'hit ratio', window: 'load:hot', objective: 'hits(response-cache) >= 95%' },
    { name: 'TTFT', window: 'load:hot', objective: 'p95(ttft) <= 100 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
  ],
  proof: [
    {
      without: 'entries that outlive their request',
      set: { 'stack.gateway.cache.ttl': '1ms' },
      breaks: ['hit ratio', 'TTFT'],
    },
  ],
});
