import { scenario } from '../../scenario.ts';

/** Two tiers of one level, key tasks with the larger weight. Without weights their P90 is above 1.5 s, of which 0.9 s are 40 % less. */
export default scenario({
  name: 'weighted-tiers',
  why: 'More is asked of the replicas than they can do, and all of it is of one level. Keys with a larger weight must be served faster: by 40 % for key tasks, the documents say. Nobody is turned away for it.',
  covers: ['A2.3', 'C11'],
  stack: {
    gateway: {
      admission: {
        capacity: 32,
        keys: [{ key: 'sk-key-tasks', weight: 4 }],
      },
    },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 16 },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '20/s', for: '3s' },
      { name: 'busy', at: '115/s', for: '10s' },
      { name: 'after', at: '20/s', for: '3s' },
    ],
    workload: 'chat-short',
    maxInFlight: 4000,
    clients: {
      classes: [
        { name: 'key-tasks', weight: 1, key: 'sk-key-tasks' },
        { name: 'others', weight: 1, key: 'sk-others' },
      ],
    },
  },
  slos: [
    { name: 'latency of key tasks', window: 'load:busy', class: 'key-tasks', objective: 'p90(latency) <= 900 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
  ],
  proof: [
    {
      without: 'weights',
      set: { 'stack.gateway.admission.keys': [] },
      breaks: 'latency of key tasks',
    },
  ],
});
