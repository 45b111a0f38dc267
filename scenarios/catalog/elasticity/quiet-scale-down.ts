import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** Replicas are taken away one after the other while long streams run on them. */
export default scenario({
  name: 'quiet-scale-down',
  why: 'The load falls to a third, and the autoscaler takes replicas away while they still have streams to send. Each must leave discovery, finish what it has begun, and only then end, so that no user loses a response.',
  covers: ['A4.1'],
  stack: {
    control: {},
    inference: { replicas: 6, profile: 'qwen3-8b-fp8-h100', drain: '10s' },
    autoscaler: {
      hpa: hpa({
        minReplicas: 2,
        maxReplicas: 6,
        metrics: [perReplica('gateway_requests_in_flight', '4')],
        behavior: {
          scaleDown: { stabilizationWindowSeconds: 180, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] },
        },
      }),
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'before', at: '15/s', for: '6s' },
      { name: 'less', at: '5/s', for: '12s' },
    ],
    // A stream of 1.5 s.
    workload: { promptTokens: [16, 32], outputTokens: [290, 310] },
  },
  slos: [
    { name: 'requests that scaling down ends', objective: 'lost(drain) <= 0' },
    { name: 'TTFT meanwhile', objective: 'p95(ttft) <= 300 ms' },
  ],
  proof: [
    {
      without: 'a drain: a replica that is taken away cuts its streams off',
      set: { 'stack.inference.drain': '0s' },
      breaks: 'requests that scaling down ends',
    },
  ],
});
