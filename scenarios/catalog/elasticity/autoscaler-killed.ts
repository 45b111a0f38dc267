import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** The autoscaler dies after it has scaled up, and comes back just when the load rises again. */
export default scenario({
  name: 'autoscaler-killed',
  why: 'The autoscaler is killed while more replicas run than at first, and stays away for eight minutes in production (eight seconds here). Without it the replicas must stay as they are, so that users notice nothing. Once it is back it must go on: the load rises again, and first tokens must be quick after a cold start.',
  covers: ['A4.1'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 3, maxReplicas: 14, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 3,
        maxReplicas: 14,
        metrics: [perReplica('load', '1500m')],
      }),
      rules: { load: { series: 'gateway_requests_total', as: 'rate', window: '3m' } },
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'before', at: '3/s', for: '3s' },
      { name: 'risen', at: '8/s', for: '9s' },
      { name: 'away', at: '8/s', for: '8s' },
      { name: 'again', at: '18/s', for: '20s' },
      { name: 'after', at: '18/s', for: '8s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  faults: [{ id: 'killed', kind: 'kill', on: 'autoscaler', at: '12s', for: '8s' }],
  slos: [
    { name: 'TTFT without it', window: 'load:away', objective: 'p75(ttft) <= 500 ms' },
    { name: 'TTFT after its return', window: 'load:after', objective: 'p75(ttft) <= 500 ms' },
    { name: 'error rate', objective: 'errors <= 2%' },
  ],
  proof: [
    {
      without: 'the replicas that it had started, of which a lower maximum leaves three',
      set: { 'stack.autoscaler.hpa.spec.maxReplicas': 3 },
      breaks: ['TTFT without it', 'TTFT after its return', 'error rate'],
    },
    {
      without: 'its return',
      set: { 'faults.0.for': '35s' },
      breaks: 'TTFT after its return',
    },
  ],
});
