import { scenario } from '../scenario.ts';

/** Slowloris against a gateway whose places for connections are few, while users are being served. */
export default scenario({
  name: 'slow-headers',
  why: 'A few hundred connections whose request headers never end take every place that a server has for connections, at next to no cost. Users who come meanwhile must be served: whoever does not finish its headers has to leave.',
  judges: ['A1.5', 'A2.16', 'B4', 'C6'],
  stack: {
    gateway: { connections: { headersMs: 800, maxConnections: 400 } },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '20/s', for: '3s' },
      { name: 'few', at: '20/s', for: '7s' },
      // More users come during the attack, and need connections of their own.
      { name: 'many', at: '60/s', for: '16s' },
    ],
    workload: 'chat-short',
  },
  faults: [
    {
      id: 'attack',
      kind: 'slow-headers',
      on: 'client→gateway-1',
      at: '7s',
      for: '14s',
      connections: 600,
      perSecond: 300,
    },
  ],
  slos: [
    { name: 'quick before', window: 'baseline', objective: 'p95(ttft) <= 350 ms' },
    { name: 'users are served all the same', window: 'fault:attack', objective: 'errors <= 3%' },
    { name: 'and quickly', window: 'fault:attack', objective: 'p95(ttft) <= 800 ms' },
  ],
  proof: [
    {
      without: 'a deadline for headers',
      set: { 'stack.gateway.connections.headersMs': 'off' },
      breaks: 'users are served all the same',
    },
  ],
});
