import { scenario } from '../../scenario.ts';

/** The service registry dies under load, stays down until every registration has expired, and restarts empty. */
export default scenario({
  name: 'discovery-loss',
  why: 'The service registry dies under load and restarts empty. Gateways must keep using the replicas that were healthy before, so that users see no errors.',
  covers: ['A2.10', 'B5', 'B8'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    control: { ttl: '2s', wait: '2s' },
    timeScale: 60,
  },
  load: {
    stages: [{ name: 'steady', at: '60/s', for: '24s' }],
    workload: 'chat-short',
  },
  faults: [
    { id: 'slow-registry', kind: 'latency', on: 'gateway→control', at: '4s', for: '4s', latency: '500ms' },
    { id: 'kill', kind: 'kill', on: 'control', at: '10s', for: '6s' },
  ],
  slos: [
    { name: 'TTFT before any fault', window: 'baseline', objective: 'p95(ttft) <= 800 ms' },
    { name: 'error rate while the registry is slow', window: 'fault:slow-registry', objective: 'errors <= 2%' },
    { name: 'error rate without the registry', window: 'fault:kill', objective: 'errors <= 1%' },
  ],
  proof: [
    {
      without: 'the last good list of replicas',
      set: { 'stack.control.keepLastGood': false },
      breaks: 'error rate without the registry',
    },
  ],
});
