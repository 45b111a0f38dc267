import { scenario } from '../../scenario.ts';

/**
 * Prompts that make the model write without end: a request that takes half a second of a GPU takes half a minute, and few of them fill
 * every batch. Scaled: outputs of 3,000 tokens instead of 30, which take 20 s, are ended after one.
 */
export default scenario({
  name: 'hijack-prompt',
  why: 'Some prompts make the model write a hundred times as much as others. A few of them a second would occupy every replica; the deadline of compute time must end each, and free its GPU, so that everyone else is served as before.',
  covers: ['A2.11', 'C7'],
  stack: {
    gateway: { guard: { maxPromptCharacters: 'off', compute: '1s' } },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 6 },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '13/s', for: '2s' },
      { name: 'steady', at: '13/s', for: '20s' },
    ],
    workload: { promptTokens: [16, 64], outputTokens: [20, 40] },
    maxInFlight: 2000,
    clients: {
      classes: [
        { name: 'users', weight: 12 },
        { name: 'hijackers', weight: 1, workload: { outputTokens: 3000 } },
      ],
    },
  },
  slos: [
    { name: 'TTFT of everyone else', window: 'load:steady', class: 'users', objective: 'p95(ttft) <= 500 ms' },
    { name: 'errors', objective: 'errors <= 2%' },
  ],
  proof: [
    {
      without: 'the compute deadline',
      set: { 'stack.gateway.guard.compute': 'off' },
      breaks: 'TTFT of everyone else',
    },
  ],
});
