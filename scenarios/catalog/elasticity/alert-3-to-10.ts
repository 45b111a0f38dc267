import { scenario } from '../../scenario.ts';

/** The manual rule of an on-call engineer: when the alert on P99 fires, there shall be ten replicas instead of three. */
export default scenario({
  name: 'alert-3-to-10',
  why: 'The load exceeds what three replicas serve, so that P99 time to first token rises above 1.5 s. After two minutes in production (two seconds here) the alert must raise the replicas from 3 to 10, and once these have started, first tokens must be quick again under the same load.',
  covers: ['A4.1'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      policy: {
        kind: 'threshold',
        minReplicas: 3,
        maxReplicas: 10,
        steps: [{ metric: 'gateway_time_to_first_byte_seconds_p99', above: 1.5, for: '2m', atLeast: 10 }],
      },
    },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'before', at: '4/s', for: '4s' },
      { name: 'alert', at: '10/s', for: '12s' },
      { name: 'after', at: '10/s', for: '10s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  slos: [
    { name: 'TTFT after the alert', window: 'load:after', objective: 'p75(ttft) <= 500 ms' },
    { name: 'error rate', objective: 'errors <= 2%' },
  ],
  proof: [
    {
      without: 'the rule',
      set: { 'stack.autoscaler.policy': { kind: 'noop' } },
      breaks: 'TTFT after the alert',
    },
    {
      without: 'ten replicas, since the rule asks for four',
      set: { 'stack.autoscaler.policy.maxReplicas': 4 },
      breaks: 'TTFT after the alert',
    },
  ],
});
