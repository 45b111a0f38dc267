import { hpa } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** The band of the documents: GPUs that are neither idle nor overloaded. */
export default scenario({
  name: 'utilisation-band',
  why: 'The load doubles. The autoscaler must add replicas until the GPUs are used to 65 to 80 % again: below that they cost more than the load is worth, above it requests queue.',
  covers: ['A4.1', 'C13'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 4, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      // 72 % and the tolerance of a tenth: 65 to 79 %.
      hpa: hpa({
        minReplicas: 3,
        maxReplicas: 12,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 72 } } },
        ],
        behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
      }),
      rules: { cpu: { series: 'DCGM_FI_DEV_GPU_UTIL', factor: 0.01 } },
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'before', at: '6/s', for: '4s' },
      { name: 'doubled', at: '12/s', for: '17s' },
      { name: 'settled', at: '12/s', for: '8s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  slos: [
    { name: 'GPUs are not overloaded', window: 'load:settled', objective: 'mean(gpu) <= 80%' },
    { name: 'GPUs are not idle', window: 'load:settled', objective: 'mean(gpu) >= 65%' },
    { name: 'TTFT', window: 'load:settled', objective: 'p75(ttft) <= 500 ms' },
  ],
  proof: [
    {
      without: 'the autoscaler',
      set: { 'stack.autoscaler': 'off' },
      breaks: ['GPUs are not overloaded', 'TTFT'],
    },
    {
      without: 'a minimum below what the load needs',
      set: { 'stack.autoscaler.hpa.spec.minReplicas': 12 },
      breaks: 'GPUs are not idle',
    },
  ],
});
