import { scenario } from '../../scenario.ts';

/** Nine of ten requests are one of five prompts that everybody sends at the moment. One upstream call serves all who send the same. */
export default scenario({
  name: 'merge-duplicates',
  why: 'Many users send the same few prompts at the same time, as when an application shows all of them the same question. Identical concurrent requests must share one call to a replica, or the replica is overloaded by work that it is doing already.',
  covers: ['A2.8', 'B3'],
  stack: {
    gateway: { merge: { window: '30s', acrossKeys: false } },
    inference: { replicas: 1, profile: 'qwen3-8b-fp8-h100', maxBatch: 9 },
    timeScale: 60,
  },
  load: {
    arrivals: { kind: 'gamma', cv: 2 },
    stages: [
      { name: 'ramp', to: '60/s', for: '2s' },
      { name: 'steady', at: '60/s', for: '6s' },
    ],
    workload: { promptTokens: [32, 128], outputTokens: [16, 32], duplicates: { ratio: 0.9, distinct: 5 } },
    // Random responses are not shared, unless a request allows it.
    body: { temperature: 0 },
  },
  slos: [
    { name: 'TTFT', window: 'load:steady', objective: 'p95(ttft) <= 300 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
  ],
  proof: [{ without: 'merging', set: { 'stack.gateway.merge': 'off' }, breaks: 'TTFT' }],
});
