import { scenario } from '../scenario.ts';

/** Few slow connections a second, for a long time, scaled: ten times the rate for a tenth of the time, and a pool to match. */
export default scenario({
  name: 'low-and-slow',
  why: 'Ten slow requests a second are below every rate limit, and after some minutes they are the whole pool of connections. Users must be served all the same: deadlines make the pool outlast them.',
  judges: ['A1.5', 'A2.16', 'B4', 'C6'],
  stack: {
    gateway: {
      connections: { headersMs: 800, bodyMs: 1500, bodyGraceMs: 600, minBodyBytesPerSecond: 1000, maxConnections: 300 },
    },
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
      kind: 'low-and-slow',
      on: 'client→gateway-1',
      at: '7s',
      for: '14s',
      perSecond: 100,
      intervalMs: 500,
    },
  ],
  slos: [
    { name: 'quick before', window: 'baseline', objective: 'p95(ttft) <= 350 ms' },
    { name: 'users are served all the same', window: 'fault:attack', objective: 'errors <= 3%' },
    { name: 'and quickly', window: 'fault:attack', objective: 'p95(ttft) <= 800 ms' },
  ],
  proof: [
    {
      without: 'deadlines for headers and bodies',
      set: {
        'stack.gateway.connections.headersMs': 'off',
        'stack.gateway.connections.bodyMs': 'off',
        'stack.gateway.connections.minBodyBytesPerSecond': 'off',
      },
      breaks: 'users are served all the same',
    },
  ],
});
