import { scenario } from '../../scenario.ts';

/** Two zones cannot reach each other for ten seconds, while clients reach both. */
export default scenario({
  name: 'zone-partition',
  why: 'The network between two zones drops every packet for ten seconds. Each gateway cannot reach half of the replicas, and connections to them hang instead of failing. Every request must complete or fail within its deadline; none may hang.',
  covers: ['B5'],
  stack: {
    zones: 2,
    gateway: { replicas: 2, timeouts: { connect: '500ms', firstByte: '1.5s', idle: '1.5s' } },
    inference: { replicas: 4, profile: 'qwen3-8b-fp8-h100' },
    control: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '60/s', for: '3s' },
      { name: 'hold', at: '60/s', for: '27s' },
    ],
    workload: 'chat-short',
    firstTokenTimeout: '6s',
    idleTimeout: '6s',
  },
  faults: [{ id: 'partition', kind: 'zone-partition', on: 'zone-a|zone-b', at: '8s', for: '10s' }],
  slos: [
    { name: 'TTFT before any fault', window: 'baseline', objective: 'p95(ttft) <= 350 ms' },
    {
      name: 'hanging requests',
      window: 'fault:partition',
      objective: 'errors(first-token-timeout, idle-timeout) <= 1%',
    },
    { name: 'error rate', objective: 'errors <= 10%' },
    { name: 'TTFT during the partition', window: 'fault:partition', objective: 'p90(ttft) <= 4 s' },
    { name: 'recovery from the partition', objective: 'recovery(partition) <= 15 s' },
  ],
  proof: [
    {
      without: 'timeouts of the gateway for replicas',
      set: { 'stack.gateway.timeouts.firstByte': '1m', 'stack.gateway.timeouts.idle': '1m' },
      breaks: 'hanging requests',
    },
  ],
});
