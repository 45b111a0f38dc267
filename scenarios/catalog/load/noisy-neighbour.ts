import { scenario } from '../../scenario.ts';

/** One key sends far more than its part. Fair queuing makes its own requests wait, not those of the other keys of its level. */
export default scenario({
  name: 'noisy-neighbour',
  why: 'Two teams share the replicas. One of them sends six times what the other does, and more than there is room for; it breaks no rate limit and no rule of priority. The other team must get the part that it is entitled to, and so feel none of it.',
  covers: ['A2.3'],
  stack: {
    gateway: { admission: { capacity: 32 } },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 16 },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '20/s', for: '3s' },
      { name: 'normal', at: '20/s', for: '5s' },
      { name: 'flood', at: '120/s', for: '10s' },
      { name: 'after', at: '20/s', for: '3s' },
    ],
    workload: 'chat-short',
    firstTokenTimeout: '8s',
    maxInFlight: 4000,
    clients: {
      classes: [
        { name: 'quiet', weight: 1, key: 'sk-quiet' },
        { name: 'noisy', weight: 6, key: 'sk-noisy' },
      ],
    },
  },
  slos: [
    { name: 'TTFT of the quiet team', window: 'load:flood', class: 'quiet', objective: 'p90(ttft) <= 500 ms' },
    { name: 'TTFT before the flood', window: 'load:normal', objective: 'p90(ttft) <= 350 ms' },
  ],
  proof: [
    {
      without: 'fair queuing',
      set: { 'stack.gateway.admission.fairQueuing': 'off' },
      breaks: 'TTFT of the quiet team',
    },
  ],
});
