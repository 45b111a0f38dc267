import { scenario } from '../scenario.ts';

/** Large answers that nobody reads against a gateway whose places for connections are few, while users are being served. */
export default scenario({
  name: 'slow-read',
  why: 'A few clients that ask for answers of many megabytes and do not read them take a place and memory at each hop on the way, for as long as they like. Users who come meanwhile must be served: whoever does not take its bytes has to leave.',
  judges: ['A1.5', 'A2.16', 'B4', 'C6'],
  stack: {
    gateway: { connections: { sendMs: 800, maxConnections: 44 } },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '12/s', for: '3s' },
      { name: 'few', at: '12/s', for: '14s' },
      // More users come during the attack, and need connections of their own.
      { name: 'many', at: '80/s', for: '10s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
  },
  faults: [
    {
      id: 'attack',
      kind: 'slow-read',
      on: 'client→gateway-1',
      at: '8s',
      for: '16s',
      request: 'prompt-logprobs',
      // Answers of 17 MB: the kernels' buffers on the way take up to 10.
      promptTokens: 12_288,
      perSecond: 4,
    },
  ],
  slos: [
    { name: 'quick before', window: 'baseline', objective: 'p95(ttft) <= 350 ms' },
    { name: 'users are served all the same', window: 'fault:attack', objective: 'errors <= 3%' },
    { name: 'and quickly', window: 'fault:attack', objective: 'p95(ttft) <= 800 ms' },
  ],
  proof: [
    {
      without: 'a deadline for clients that take none of their bytes',
      set: { 'stack.gateway.connections.sendMs': 'off' },
      breaks: 'users are served all the same',
    },
  ],
});
