import { scenario } from '../scenario.ts';

/** The store of the shared rate limits is slow, then gone, then back; nobody may notice. Needs redis-server. */
export default scenario({
  name: 'redis-loss',
  why: 'Rate limits are shared in Redis, which turns slow, then dies and comes back, under load. A service must not fail or wait because the part that counts its requests does: each gateway goes on with its share of the limits.',
  covers: ['A2.2', 'B8'],
  stack: {
    // Each gateway's share is 50/s for the one key of the load, of which it gets 20/s.
    gateway: { replicas: 2, limits: { perKey: { perMinute: 6000 }, global: { perSecond: 200 } } },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '40/s', for: '3s' },
      { name: 'hold', at: '40/s', for: '33s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
  },
  faults: [
    { id: 'slow', kind: 'latency', on: 'gateway→redis', at: '10s', for: '6s', latency: '800ms', jitter: '50ms' },
    { id: 'gone', kind: 'kill', on: 'redis', at: '20s', for: '6s' },
  ],
  slos: [
    { name: 'TTFT before any fault', window: 'baseline', objective: 'p95(ttft) <= 250 ms' },
    { name: 'TTFT with a slow Redis', window: 'fault:slow', objective: 'p95(ttft) <= 350 ms' },
    { name: 'TTFT without Redis', window: 'fault:gone', objective: 'p95(ttft) <= 350 ms' },
    { name: 'error rate', objective: 'errors <= 0.5%' },
    { name: 'recovery from the loss of Redis', objective: 'recovery(gone) <= 9 s' },
  ],
  proof: [
    {
      without: 'local limits in an outage',
      set: { 'stack.gateway.limits.onOutage': 'fail' },
      breaks: 'error rate',
    },
    {
      without: 'a bound on the wait for Redis',
      set: { 'stack.gateway.limits.redisTimeout': '5s' },
      breaks: 'TTFT with a slow Redis',
    },
  ],
});
