import { scenario } from '../../scenario.ts';

/** A mean over replicas of which most do not exist any more. */
export default scenario({
  name: 'metrics-lie',
  why: 'At night four of six replicas are taken away. The last values of their GPUs, which were idle, must not count any more: in the mean over all replicas they would hide that the other two are overloaded in the morning, so that none would be added.',
  covers: ['A4.1'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 6, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      policy: {
        kind: 'threshold',
        minReplicas: 2,
        maxReplicas: 6,
        steps: [
          { metric: 'utilisation', above: 0.8, add: 4 },
          { metric: 'utilisation', below: 0.3, add: -1 },
        ],
        cooldown: '30s',
      },
      rules: { utilisation: { series: 'DCGM_FI_DEV_GPU_UTIL', fold: 'avg', factor: 0.01 } },
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'night', at: '1/s', for: '6s' },
      { name: 'morning', at: '8/s', for: '8s' },
      { name: 'day', at: '8/s', for: '6s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  slos: [
    { name: 'TTFT by day', window: 'load:day', objective: 'p75(ttft) <= 500 ms' },
    { name: 'error rate', objective: 'errors <= 3%' },
  ],
  proof: [
    {
      without: 'staleness: the last values of deleted replicas stay for half an hour, as those of a push gateway',
      set: { 'stack.autoscaler.rules.utilisation.lookback': '30m' },
      breaks: 'TTFT by day',
    },
  ],
});
