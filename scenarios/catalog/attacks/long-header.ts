import { scenario } from '../../scenario.ts';

/** Requests with a User-Agent of 2,048 bytes, sent to the edge under load. Needs nginx. */
export default scenario({
  name: 'long-header',
  why: 'Over-long headers cost memory at every hop behind the edge and can overflow parsers and logs. The edge must reject all of them without any effect on its users.',
  covers: ['A1.4', 'B4'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    edge: { tls: {} },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '20/s', for: '3s' },
      { name: 'hold', at: '20/s', for: '18s' },
    ],
    workload: 'chat-short',
  },
  faults: [
    { id: 'attack', kind: 'long-header', on: 'client→edge', at: '8s', for: '10s', path: '/v1/models', perSecond: 100 },
  ],
  slos: [
    { name: 'TTFT before the attack', window: 'baseline', objective: 'p95(ttft) <= 350 ms' },
    { name: 'rejection of over-long headers', objective: 'rejected(attack) >= 99%' },
    { name: 'error rate under attack', window: 'fault:attack', objective: 'errors <= 3%' },
    { name: 'TTFT under attack', window: 'fault:attack', objective: 'p95(ttft) <= 800 ms' },
  ],
  proof: [
    {
      without: 'a size limit for User-Agent',
      set: { 'stack.edge.maxUserAgentBytes': 'off' },
      breaks: 'rejection of over-long headers',
    },
  ],
});
