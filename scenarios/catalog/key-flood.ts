import { scenario } from '../scenario.ts';

/** One customer sends ten times what all others do. Scaled: 200 requests a second for 12 s, in life 10 clients × 3,000 in 5 s. */
export default scenario({
  name: 'key-flood',
  why: 'One API key floods the service, by a bug or by intent. Limits per key must make that its own problem: everyone else is served as before.',
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
      { name: 'usual', at: '40/s', for: '5s' },
      { name: 'flood', at: '220/s', for: '12s' },
      { name: 'after', at: '40/s', for: '6s' },
    ],
    workload: 'chat-short',
    maxInFlight: 4000,
    clients: {
      classes: [
        { name: 'users', weight: 1, key: 'sk-of-everybody-else' },
        { name: 'flood', weight: 10, key: 'sk-of-the-one' },
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
    { name: 'TTFT before the flood', window: 'load:usual', objective: 'p90(ttft) <= 350 ms' },
  ],
  proof: [
    {
      without: 'limits per key',
      set: { 'stack.gateway.limits.perKey': 'off' },
      breaks: 'goodput of everyone else',
    },
  ],
});
