import { scenario } from '../../scenario.ts';

/** A request that was captured on its way, with its token and its proof, is sent again and again, to every gateway. */
export default scenario({
  name: 'replay-attack',
  why: 'Somebody reads a request on its way, in a log or in a trace: its token, and the proof that it came from its client. Sent again, to whichever gateway, it must be refused, so that what leaks is worth nothing.',
  covers: ['A2.1'],
  stack: {
    gateway: { replicas: 2, identity: {} },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '30/s', for: '3s' },
      { name: 'steady', at: '30/s', for: '20s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
  },
  faults: [{ id: 'replay', kind: 'replayed-proof', on: 'client→gateway-1', at: '8s', for: '10s' }],
  slos: [
    { name: 'replays are refused', window: 'fault:replay', objective: 'violations(replay) <= 0' },
    { name: 'error rate', objective: 'errors <= 1%' },
    { name: 'TTFT under attack', window: 'fault:replay', objective: 'p95(ttft) <= 350 ms' },
  ],
  proof: [
    {
      without: 'a memory of used proofs',
      set: { 'stack.gateway.identity.replays': 'accept' },
      breaks: 'replays are refused',
    },
    {
      without: 'used proofs that gateways share',
      set: { 'stack.redis': 'off' },
      breaks: 'replays are refused',
    },
  ],
});
