import { scenario } from '../../scenario.ts';

/** A thousand users with think times, who arrive within 15 s. */
export default scenario({
  name: 'ramp-1000-users',
  why: 'A thousand people use the service at once, which makes about a hundred requests per second with their think times. The service has to keep its promise: P99 TTFT below 480 ms, at most 0.3 % errors and at least 1,850 requests per minute.',
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
      without: 'sufficient batch capacity',
      set: { 'stack.inference.replicas': 1, 'stack.inference.maxBatch': 4 },
      breaks: 'TTFT of 1,000 users',
    },
  ],
});
