import { scenario } from '../scenario.ts';

/** Steps up to a rate, scaled for a laptop to a twentieth: 250 requests a second here for 5,000 in life. */
export default scenario({
  name: 'step-5000-rps',
  why: 'The load doubles from one second to the next, and again, up to 5,000 short requests a second. P99 must stay below 650 ms at every step. Scaled to a twentieth: two cores carry the stack, its load and its judge.',
  covers: ['B3', 'C3'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 4, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: '625', at: '31/s', for: '5s' },
      { name: '1250', at: '62/s', for: '5s' },
      { name: '2500', at: '125/s', for: '6s' },
      { name: '5000', at: '250/s', for: '10s' },
    ],
    workload: { promptTokens: [8, 16], outputTokens: [1, 2] },
  },
  slos: [
    { name: 'P99 at the last step', window: 'load:5000', objective: 'p99(latency) <= 650 ms' },
    { name: 'no errors on the way', objective: 'errors <= 0.5%' },
  ],
  proof: [
    {
      without: 'replicas enough',
      set: { 'stack.inference.replicas': 1, 'stack.inference.maxBatch': 3 },
      breaks: 'P99 at the last step',
    },
  ],
});
