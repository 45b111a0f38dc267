import { scenario } from '../../scenario.ts';

/**
 * Conversations whose context grows with each turn: a replica that has served the turns before computes only the new ones, any other computes
 * the whole conversation again.
 */
export default scenario({
  name: 'prefix-affinity',
  why: 'Conversations of several turns, each with all that was said before. A replica that has the beginning of a conversation in its prefix cache computes only what is new; the gateway must keep conversations where they are, without loading one replica for it.',
  covers: ['A2.9'],
  stack: {
    gateway: { balancer: { policy: 'prefix' } },
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', prefixCaching: true },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '2.5/s', for: '3s' },
      { name: 'steady', at: '2.5/s', for: '17s' },
    ],
    workload: {
      promptTokens: [1500, 2500],
      outputTokens: [20, 40],
      sessions: { turns: [6, 9], thinkTime: ['0.5s', '1.5s'] },
    },
  },
  slos: [
    { name: 'tokens from prefix caches', window: 'load:steady', objective: 'hits(prefix-cache) >= 60%' },
    { name: 'TTFT', window: 'load:steady', objective: 'p95(ttft) <= 220 ms' },
    { name: 'errors', objective: 'errors <= 2%' },
  ],
  proof: [
    {
      without: 'prefix-aware balancing',
      set: { 'stack.gateway.balancer': 'least-connections' },
      breaks: ['tokens from prefix caches', 'TTFT'],
    },
  ],
});
