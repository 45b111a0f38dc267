import { scenario } from '../../scenario.ts';

/** A load with a season: the same peak every eight minutes in production. */
export default scenario({
  name: 'predictable-peak',
  why: 'The same peak comes every eight minutes in production (every eight seconds here). A reactive autoscaler starts replicas when the peak is there, and they are ready two minutes later. From the third one on the predictive policy must have them ready before.',
  covers: ['A4.3'],
  stack: {
    control: {},
    // One request at a time: a replica serves two in a second.
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 1 },
    autoscaler: {
      policy: {
        kind: 'predictive',
        minReplicas: 2,
        maxReplicas: 10,
        metric: 'gateway_requests_per_second',
        target: 1.5,
        period: '8m',
        stabilization: '30s',
      },
      rules: { load: { series: 'gateway_requests_total', as: 'rate', window: '1m' } },
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [1, 2, 3, 4].flatMap(turn => [
      { name: `low-${turn}`, at: '2/s', for: '5s' },
      { name: `peak-${turn}`, at: '10/s', for: '3s' },
    ]),
    workload: { promptTokens: [16, 32], outputTokens: [95, 105] },
  },
  slos: [
    { name: 'TTFT at a known peak', window: 'load:peak-4', objective: 'p75(ttft) <= 500 ms' },
    { name: 'error rate', objective: 'errors <= 3%' },
  ],
  proof: [
    {
      without: 'a forecast, since a period of an hour is not over yet',
      set: { 'stack.autoscaler.policy.period': '1h' },
      breaks: 'TTFT at a known peak',
    },
  ],
});
