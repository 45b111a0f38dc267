import { scenario } from '../../scenario.ts';

/** A flood of long batch requests fills the replicas. Urgent and interactive requests must be served as if it were not there. */
export default scenario({
  name: 'priority-inversion',
  why: 'A job submits batch requests by the thousand, each with a long response. Whoever waits for a response must not wait behind them: urgent and interactive requests are admitted first, batch requests use what is left.',
  covers: ['A2.3'],
  stack: {
    gateway: {
      admission: {
        capacity: 32,
        keys: [{ key: 'sk-control-room', best: 'urgent' }],
      },
    },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 16 },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '20/s', for: '3s' },
      { name: 'normal', at: '20/s', for: '5s' },
      { name: 'flood', at: '70/s', for: '10s' },
      { name: 'after', at: '20/s', for: '3s' },
    ],
    workload: 'chat-short',
    firstTokenTimeout: '8s',
    maxInFlight: 4000,
    clients: {
      classes: [
        { name: 'urgent', weight: 1, priority: 0, key: 'sk-control-room' },
        { name: 'interactive', weight: 2, priority: 1, key: 'sk-app' },
        { name: 'batch', weight: 7, priority: 3, key: 'sk-job', workload: { outputTokens: [200, 400] } },
      ],
    },
  },
  slos: [
    { name: 'TTFT of urgent requests', window: 'load:flood', class: 'urgent', objective: 'p95(ttft) <= 500 ms' },
    {
      name: 'TTFT of interactive requests',
      window: 'load:flood',
      class: 'interactive',
      objective: 'p90(ttft) <= 700 ms',
    },
    { name: 'errors of interactive requests', window: 'load:flood', class: 'interactive', objective: 'errors <= 3%' },
  ],
  proof: [
    {
      without: 'admission by priority',
      set: { 'stack.gateway.admission': 'off' },
      breaks: ['TTFT of urgent requests', 'TTFT of interactive requests', 'errors of interactive requests'],
    },
  ],
});
