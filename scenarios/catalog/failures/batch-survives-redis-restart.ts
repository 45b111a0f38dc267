import { scenario } from '../../scenario.ts';

/** Redis, where batches are kept, is killed and restarts, and later a gateway that runs their lines is killed. Needs redis-server. */
export default scenario({
  name: 'batch-survives-redis-restart',
  why: 'Jobs run for hours, and whoever submitted one has gone home. Once a batch is accepted it must get all of its results, though Redis is killed, and a gateway in the middle of its lines; and interactive requests must not notice either.',
  covers: ['A2.3', 'B8'],
  stack: {
    gateway: {
      replicas: 2,
      admission: { capacity: 64 },
      batch: { lease: '2s', poll: '200ms', retry: '200ms', concurrency: 16 },
    },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '3s' },
      { name: 'steady', at: '30/s', for: '25s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
    clients: {
      // Users of the gateway that is killed try the other one.
      retry: { kind: 'exponential', baseDelay: '50ms' },
      classes: [
        { name: 'users', weight: 9 },
        {
          name: 'jobs',
          weight: 1,
          key: 'sk-job',
          workload: { outputTokens: [300, 500] },
          batch: { lines: 3, within: '15s' },
        },
      ],
    },
  },
  faults: [
    { id: 'redis-killed', kind: 'kill', on: 'redis', at: '8s', for: '3s' },
    { id: 'gateway-killed', kind: 'kill', on: 'gateway-1', at: '18s', for: '3s' },
  ],
  slos: [
    { name: 'accepted batches that are lost', class: 'jobs', objective: 'lost(batch) <= 0' },
    {
      name: 'TTFT of users without Redis',
      class: 'users',
      window: 'fault:redis-killed',
      objective: 'p90(ttft) <= 350 ms',
    },
    // The streams that the gateway breaks off when it is killed.
    { name: 'error rate of users', class: 'users', objective: 'errors <= 3%' },
  ],
  proof: [
    {
      without: 'an append-only file',
      set: { 'stack.redis.persistence': 'off' },
      breaks: 'accepted batches that are lost',
    },
    {
      without: 'leases that end',
      set: { 'stack.gateway.batch.lease': '1h' },
      breaks: 'accepted batches that are lost',
    },
  ],
});
