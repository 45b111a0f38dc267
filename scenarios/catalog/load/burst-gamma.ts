import { scenario } from '../../scenario.ts';

/** Arrivals in bursts: gaps from a gamma distribution with a coefficient of variation of 3. */
export default scenario({
  name: 'burst-gamma',
  why: 'Requests to language models arrive in bursts, and a service that is sized for the mean rate makes users wait in every burst. TTFT must stay low when arrivals cluster at the same mean rate.',
  covers: ['B3'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 18 },
    timeScale: 60,
  },
  load: {
    arrivals: { kind: 'gamma', cv: 3 },
    stages: [
      { name: 'ramp', to: '40/s', for: '3s' },
      { name: 'bursts', at: '40/s', for: '27s' },
    ],
    workload: 'chat-short',
  },
  slos: [
    { name: 'TTFT in bursts', window: 'load:bursts', objective: 'p95(ttft) <= 400 ms' },
    { name: 'error rate', objective: 'errors <= 0.5%' },
  ],
  proof: [
    {
      without: 'capacity above the mean rate',
      set: { 'stack.inference.replicas': 1 },
      breaks: 'TTFT in bursts',
    },
  ],
});
