import { scenario } from '../../scenario.ts';

/** The store of the shared rate limits becomes slow, later dies and restarts. Needs redis-server. */
export default scenario({
  name: 'redis-loss',
  why: 'Gateways share their rate limits in Redis, which becomes slow and later dies under load. Requests must neither fail nor wait because of it: each gateway continues with its portion of the limits.',
  covers: ['A2.2', 'B8'],
  stack: {
    // The portion of each gateway is 50/s for the single key of the load, which sends it 20/s.
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
    { id: 'outage', kind: 'kill', on: 'redis', at: '20s', for: '6s' },
  ],
  slos: [
    { name: 'TTFT before any fault', window: 'baseline', objective: 'p95(ttft) <= 250 ms' },
    { name: 'TTFT with slow Redis', window: 'fault:slow', objective: 'p95(ttft) <= 350 ms' },
    { name: 'TTFT without Redis', window: 'fault:outage', objective: 'p95(ttft) <= 350 ms' },
    { name: 'error rate', objective: 'errors <= 0.5%' },
    { name: 'recovery from Redis loss', objective: 'recovery(outage) <= 9 s' },
  ],
  proof: [
    {
      without: 'local limits during an outage',
      set: { 'stack.gateway.limits.onOutage': 'fail' },
      breaks: ['error rate', 'TTFT with slow Redis', 'TTFT without Redis'],
    },
    {
      without: 'a timeout for Redis',
      set: { 'stack.gateway.limits.redisTimeout': '5s' },
      breaks: 'TTFT with slow Redis',
    },
  ],
});
