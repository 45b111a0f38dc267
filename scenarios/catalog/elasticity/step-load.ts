import { scenario } from '../../scenario.ts';

/** A load that doubles at each step, up to 250 requests per second: 1/20 of 5,000, since two cores run the stack, the load and the judge. */
export default scenario({
  name: 'step-load',
  why: 'Scaled 1/20: 250 requests per second here stand for 5,000 in production. The load doubles in sudden steps up to that rate. P99 latency must stay below 650 ms at the last step, with almost no errors along the way.',
  covers: ['B3', 'C3'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 4, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'step-31', at: '31/s', for: '5s' },
      { name: 'step-62', at: '62/s', for: '5s' },
      { name: 'step-125', at: '125/s', for: '6s' },
      { name: 'step-250', at: '250/s', for: '10s' },
    ],
    // Without enough replicas hundreds of requests wait.
    maxInFlight: 3000,
    workload: { promptTokens: [8, 16], outputTokens: [1, 2] },
  },
  slos: [
    { name: 'latency at the last step', window: 'load:step-250', objective: 'p99(latency) <= 650 ms' },
    { name: 'error rate', objective: 'errors <= 0.5%' },
  ],
  proof: [
    {
      without: 'a sufficient number of replicas',
      set: { 'stack.inference.replicas': 1, 'stack.inference.maxBatch': 3 },
      breaks: 'latency at the last step',
    },
  ],
});
