import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** A load that comes and goes faster than replicas start. */
export default scenario({
  name: 'flapping-load',
  why: 'Every two minutes in production (two seconds here) the load is four times as high, for two minutes. A replica takes longer than that to start. The stabilisation window of the way down must keep the replicas of one peak for the next, so that only the first one finds too few of them.',
  covers: ['A4.1'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 2,
        maxReplicas: 8,
        metrics: [perReplica('gateway_requests_in_flight', '1')],
        behavior: { scaleDown: { stabilizationWindowSeconds: 360 } },
      }),
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      ...[1, 2, 3].flatMap(turn => [
        { name: `low-${turn}`, at: '2/s', for: '3s' },
        { name: `high-${turn}`, at: '9/s', for: '2s' },
      ]),
      { name: 'low-4', at: '2/s', for: '3s' },
      { name: 'last-peak', at: '9/s', for: '3s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  slos: [
    { name: 'TTFT at the last peak', window: 'load:last-peak', objective: 'p75(ttft) <= 500 ms' },
    { name: 'changes of direction', objective: 'oscillations(window 10m) <= 3' },
    { name: 'error rate', objective: 'errors <= 3%' },
  ],
  proof: [
    {
      without: 'the stabilisation window',
      set: { 'stack.autoscaler.hpa.spec.behavior.scaleDown.stabilizationWindowSeconds': 0 },
      breaks: ['TTFT at the last peak', 'changes of direction'],
    },
  ],
});
