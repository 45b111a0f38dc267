import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** Requests queue while replicas start, and ask for more and more of them. */
export default scenario({
  name: 'cold-start-storm',
  why: 'The load rises sixfold at once, and for the two minutes of a cold start in production (two seconds here) requests queue up, so that the metric asks for more replicas at each decision, most of which nobody needs once the first ones are ready. The policy for the way up, six replicas in eight minutes, must wait for those.',
  covers: ['A4.1'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 2,
        maxReplicas: 16,
        metrics: [perReplica('gateway_requests_in_flight', '1')],
        behavior: { scaleUp: { policies: [{ type: 'Pods', value: 6, periodSeconds: 480 }] } },
      }),
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'before', at: '2/s', for: '3s' },
      { name: 'storm', at: '12/s', for: '12s' },
      { name: 'after', at: '12/s', for: '4s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  slos: [
    { name: 'replicas that nobody needs', window: 'load:storm', objective: 'overprovisioned(2/s) <= 60%' },
    { name: 'TTFT after the storm', window: 'load:after', objective: 'p75(ttft) <= 500 ms' },
    { name: 'error rate', objective: 'errors <= 3%' },
  ],
  proof: [
    {
      without: 'a policy for the way up that waits for a cold start',
      set: {
        'stack.autoscaler.hpa.spec.behavior.scaleUp.policies': [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      },
      breaks: 'replicas that nobody needs',
    },
    {
      without: 'enough replicas, with one in eight minutes',
      set: {
        'stack.autoscaler.hpa.spec.behavior.scaleUp.policies': [{ type: 'Pods', value: 1, periodSeconds: 480 }],
      },
      breaks: 'TTFT after the storm',
    },
  ],
});
