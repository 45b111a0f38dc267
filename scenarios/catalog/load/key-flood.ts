import { scenario } from '../../scenario.ts';

/** One API key sends ten times as many requests as all others. Scaled: 200 per second for 12 s; in production 10 clients × 3,000 in 5 s. */
export default scenario({
  name: 'key-flood',
  why: 'One API key floods the service, by mistake or on purpose. Limits per key must confine the damage to that key: everyone else is served as before.',
  covers: ['A2.2', 'B4', 'C5'],
  stack: {
    gateway: { replicas: 2, limits: { perKey: { perMinute: 1800, burst: 60 }, global: { perSecond: 1000 } } },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 18 },
    redis: 'auto',
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '40/s', for: '3s' },
      { name: 'normal', at: '40/s', for: '5s' },
      { name: 'flood', at: '220/s', for: '12s' },
      { name: 'after', at: '40/s', for: '6s' },
    ],
    workload: 'chat-short',
    maxInFlight: 4000,
    clients: {
      classes: [
        { name: 'users', weight: 1, key: 'sk-everyone-else' },
        { name: 'flood', weight: 10, key: 'sk-flood' },
      ],
    },
  },
  slos: [
    {
      name: 'goodput of everyone else',
      window: 'load:flood',
      class: 'users',
      objective: 'goodput(ttft 500 ms, latency 5 s) >= 90%',
    },
    { name: 'TTFT before the flood', window: 'load:normal', objective: 'p90(ttft) <= 350 ms' },
  ],
  proof: [
    {
      without: 'limits per key',
      set: { 'stack.gateway.limits.perKey': 'off' },
      breaks: 'goodput of everyone else',
    },
  ],
});
