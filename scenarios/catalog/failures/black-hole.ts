import { scenario } from '../../scenario.ts';

/** A replica that fails every request at once, and so never has anything in flight, twice and in two ways. */
export default scenario({
  name: 'black-hole',
  why: 'A replica loses its model, and another one its engine: every request fails at once while health checks pass. Balancing by connections in flight sends such a replica nearly all traffic. Users must not notice.',
  covers: ['A2.5', 'A2.9', 'B7'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    stages: [{ name: 'steady', at: '60/s', for: '24s' }],
    workload: 'chat-short',
  },
  faults: [
    { id: 'lost-model', kind: 'engine-failure', on: 'inference-1', at: '3s', for: '8s', as: 'not-found' },
    // A role comes first, as from most servers: what follows it can only be retried if nothing was sent yet.
    { id: 'dead-engine', kind: 'engine-failure', on: 'inference-2', at: '14s', for: '8s', as: 'error-event' },
  ],
  slos: [
    { name: 'TTFT before any fault', window: 'baseline', objective: 'p95(ttft) <= 800 ms' },
    { name: 'error rate without the model', window: 'fault:lost-model', objective: 'errors <= 2%' },
    { name: 'error rate without the engine', window: 'fault:dead-engine', objective: 'errors <= 2%' },
  ],
  proof: [
    {
      without: 'outlier ejection and retries',
      set: { 'stack.gateway.ejection': 'off', 'stack.gateway.retries': 0 },
      breaks: ['error rate without the model', 'error rate without the engine'],
    },
    {
      without: 'holding back responses until their first token',
      set: { 'stack.gateway.hold': 'off' },
      breaks: 'error rate without the engine',
    },
  ],
});
