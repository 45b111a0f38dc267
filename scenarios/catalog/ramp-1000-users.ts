import { scenario } from '../scenario.ts';

/** A thousand users who think between their requests, coming within a quarter of a minute. */
export default scenario({
  name: 'ramp-1000-users',
  why: 'A thousand people use the service at once, some hundred requests a second with their thinking in between. A P99 time to first token below 480 ms, 0.3 % errors at most and 1,850 requests a minute are what such a service was promised to reach.',
  covers: ['B3'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 4, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    arrivals: { kind: 'closed', thinkTime: ['8s', '12s'] },
    stages: [
      { name: 'ramp', toUsers: 1000, for: '15s' },
      { name: 'all', users: 1000, for: '20s' },
    ],
    workload: { promptTokens: [16, 64], outputTokens: [4, 12] },
    maxInFlight: 2000,
  },
  slos: [
    { name: 'TTFT of 1,000 users', window: 'load:all', objective: 'p99(ttft) <= 480 ms' },
    { name: 'error rate', objective: 'errors <= 0.3%' },
    { name: 'throughput', window: 'load:all', objective: 'throughput >= 30.8/s' },
  ],
  proof: [
    {
      without: 'enough room in the batches',
      set: { 'stack.inference.replicas': 1, 'stack.inference.maxBatch': 4 },
      breaks: 'TTFT of 1,000 users',
    },
  ],
});
