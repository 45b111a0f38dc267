import { scenario } from '../../../scenarios/scenario.ts';
import { hpa, policies, SIZING, STACK } from './stack.ts';

/** A replica generates for 18 requests at once, of which a third is left for what comes while others start. */
const RAMP = { ...SIZING, maxReplicas: 8, target: 12 };

/**
 * The load, bounds, start time and SLO of a published benchmark of an autoscaler: llm-d's guide "SLO-Aware Autoscaling with KEDA and Predicted
 * Latency" and the pull request 1376 of llm-d-workload-variant-autoscaler, Qwen3-32B on pairs of H100, whose replicas carry 1.4 to 1.5
 * requests a second. So do these, of a smaller model with 18 sequences at once; each request takes 12 s, there longer.
 */
export default scenario({
  name: 'staged-ramp',
  why: 'A ramp in steps up to what eight replicas serve, and back, with prompts of 4,000 tokens and responses of 1,000.',
  stack: {
    ...STACK,
    inference: {
      ...{ replicas: 3, maxReplicas: 8, modelLoad: '100s' },
      ...{ profile: 'qwen3-8b-bf16-h100', maxBatch: 18 },
    },
  },
  load: {
    stages: [
      { at: '2/s', for: '330s' },
      ...['4/s', '6/s', '8/s', '10/s', '4/s'].map(at => ({ at, for: '360s' })),
      { at: '1/s', for: '300s' },
    ],
    workload: { promptTokens: 4000, outputTokens: 1000 },
    warmUp: '30s',
    maxInFlight: 5000,
  },
  slos: [{ name: 'within SLO', objective: 'goodput(ttft 3 s) >= 95.8%' }],
  variants: {
    ...policies(8, '41m', [{ start: '10 9 * * *', end: '31 9 * * *', replicas: 8 }], RAMP),
    'hpa-down-after-2m': {
      'stack.autoscaler': { hpa: hpa({ scaleDown: { stabilizationWindowSeconds: 120 } }, RAMP) },
    },
  },
});
