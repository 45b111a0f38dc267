import { scenario } from '../../scenario.ts';

/** An outage of three seconds with clients that retry: with a retry budget, overload does not outlast it. */
export default scenario({
  name: 'retry-storm',
  why: 'A model server freezes for three seconds. Clients that retry immediately and without limit keep it overloaded with requests that nobody waits for any more, long after it has resumed. With backoff and a retry budget, goodput must be back ten seconds after the outage.',
  covers: ['B3', 'B6', 'C16'],
  stack: {
    // Only the clients retry: the gateway neither retries nor ejects, and times out after a second.
    gateway: { retries: 0, ejection: 'off', healthChecks: 'off', timeouts: { firstByte: '1s' } },
    inference: { replicas: 1, profile: 'qwen3-8b-fp8-h100', maxBatch: 18 },
    timeScale: 60,
  },
  load: {
    // About 90 % of the replica's capacity: with more headroom a storm of naive retries drains within seconds.
    stages: [
      { name: 'ramp', to: '40/s', for: '3s' },
      { name: 'before', at: '40/s', for: '5s' },
      { name: 'outage', at: '40/s', for: '3s' },
      { name: 'settle', at: '40/s', for: '10s' },
      { name: 'after', at: '40/s', for: '8s' },
    ],
    workload: 'chat-short',
    clients: { retry: { kind: 'budgeted', budgetRatio: 0.1 } },
  },
  faults: [{ id: 'outage', kind: 'pause', on: 'inference-1', at: '8s', for: '3s' }],
  slos: [
    { name: 'goodput before the outage', window: 'baseline', objective: 'goodput(ttft 500 ms, latency 4 s) >= 90%' },
    {
      name: 'goodput ten seconds after the outage',
      window: 'load:after',
      objective: 'goodput(ttft 500 ms, latency 4 s) >= 95%',
    },
  ],
  proof: [
    {
      without: 'backoff and a retry budget',
      set: { 'load.clients.retry': { kind: 'naive', maxRetries: 50 } },
      breaks: 'goodput ten seconds after the outage',
    },
  ],
});
