import { scenario } from '../../scenario.ts';

/** The entry that everybody asks for expires every two seconds, while seventy requests a second want it. */
export default scenario({
  name: 'cache-stampede',
  why: 'The response that everybody wants is cached, and its entry expires under full load. Until there is a new one, every request is a miss: merging must make one call of them at each gateway, or they overwhelm the replica together.',
  covers: ['A2.7', 'A2.8'],
  stack: {
    gateway: { replicas: 2, cache: { ttl: '2s' }, merge: {} },
    inference: { replicas: 1, profile: 'qwen3-8b-fp8-h100', maxBatch: 9 },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '70/s', for: '2s' },
      { name: 'steady', at: '70/s', for: '6s' },
    ],
    workload: {
      promptTokens: [64, 128],
      outputTokens: [80, 80],
      duplicates: { ratio: 1, distinct: 1 },
    },
    body: { temperature: 0 },
  },
  slos: [
    { name: 'TTFT', window: 'load:steady', objective: 'p95(ttft) <= 200 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
  ],
  proof: [{ without: 'merging', set: { 'stack.gateway.merge': 'off' }, breaks: 'TTFT' }],
});
