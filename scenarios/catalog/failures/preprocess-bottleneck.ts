import { scenario } from '../../scenario.ts';

/** Long documents come faster than the pool in front of the replicas can prepare them, while the GPUs have room. */
export default scenario({
  name: 'preprocess-bottleneck',
  why: 'Documents are prepared on processors before they reach the GPUs, and in a rush there are more of them than the processors can take. Those that can be served must be served in time and the others be turned away at once; chats, which need no preparation, must not feel it.',
  covers: ['A3.8', 'C8'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    // A document of 8,000 characters takes a worker 80 ms: 25 of them a second.
    preprocess: {
      workers: 2,
      microsPerCharacter: 10,
      queue: { maxRequests: 16, maxWait: '500ms' },
      gateway: { minBodyBytes: 4096, timeout: '5s' },
    },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '20/s', for: '3s' },
      { name: 'normal', at: '20/s', for: '6s' },
      { name: 'rush', at: '100/s', for: '10s' },
      { name: 'after', at: '20/s', for: '6s' },
    ],
    workload: { name: 'chats and documents', promptTokens: [32, 128], outputTokens: [8, 16] },
    firstTokenTimeout: '8s',
    maxInFlight: 4000,
    clients: {
      classes: [
        { name: 'chats', weight: 1 },
        { name: 'documents', weight: 1, workload: { promptTokens: 2000 } },
      ],
    },
  },
  slos: [
    { name: 'goodput of documents', window: 'load:rush', class: 'documents', objective: 'goodput(ttft 1 s) >= 15/s' },
    { name: 'TTFT of chats', window: 'load:rush', class: 'chats', objective: 'p95(ttft) <= 250 ms' },
    { name: 'errors before', window: 'load:normal', objective: 'errors <= 5%' },
  ],
  proof: [
    {
      without: 'the bound of the queue',
      set: { 'stack.preprocess.queue': 'off' },
      breaks: 'goodput of documents',
    },
    {
      without: 'the way past the pool',
      set: { 'stack.preprocess.gateway.minBodyBytes': 0 },
      breaks: 'TTFT of chats',
    },
  ],
});
