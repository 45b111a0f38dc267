import { scenario } from '../../scenario.ts';

/** The main scenario: a slow link, then the loss of one of three inference nodes, under a ramp of streaming load. */
export default scenario({
  name: 'node-loss',
  why: 'An inference node dies under load, and its cold start takes minutes. Meanwhile TTFT and the error rate must stay within their SLOs, and the service must recover soon after the restart.',
  covers: ['A2.5', 'A2.9', 'A3.4', 'A6.1', 'B5', 'B6'],
  stack: {
    // Limits far above the load: requests are counted, in Redis if the stack has it, and none is rejected.
    gateway: { replicas: 2, limits: { perKey: { perMinute: 60_000 }, global: { perSecond: 1000 } } },
    // With 18 sequences a replica serves about 46 requests per second: two replicas carry the peak, one does not.
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 18 },
    control: {},
    edge: 'auto',
    redis: 'auto',
    prometheus: 'auto',
    timeScale: 12,
  },
  load: {
    stages: [
      { name: 'ramp', to: '40/s', for: '5s' },
      { name: 'cruise', at: '40/s', for: '12s' },
      { name: 'climb', to: '55/s', for: '3s' },
      { name: 'peak', at: '55/s', for: '22s' },
    ],
    workload: 'chat-short',
  },
  faults: [
    {
      id: 'slow-link',
      kind: 'latency',
      on: 'gateway→inference-1',
      at: '12s',
      for: '7s',
      latency: '200ms',
      jitter: '50ms',
    },
    { id: 'kill', kind: 'kill', on: 'inference-2', at: '21s' },
  ],
  slos: [
    { name: 'TTFT before any fault', window: 'baseline', objective: 'p99(ttft) <= 400 ms' },
    { name: 'TTFT over a slow link', window: 'fault:slow-link', objective: 'p95(ttft) <= 600 ms' },
    // A node that vanishes sends no RST: a connection attempt in progress is noticed only after the first SYN retransmission, 1 s.
    { name: 'TTFT during node loss', window: 'fault:kill', objective: 'p99(ttft) <= 1500 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
    { name: 'recovery from node loss', objective: 'recovery(kill) <= 18 s' },
  ],
  proof: [
    {
      without: 'outlier ejection and retries',
      set: { 'stack.gateway.ejection': 'off', 'stack.gateway.retries': 0 },
      breaks: ['error rate', 'TTFT during node loss'],
    },
    { without: 'the spare node', set: { 'stack.inference.replicas': 2 }, breaks: 'TTFT during node loss' },
    {
      without: 'restart by the supervisor',
      set: { 'stack.inference.restart': 'off' },
      breaks: 'recovery from node loss',
    },
  ],
});
