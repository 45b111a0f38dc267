import { scenario } from '../scenario.ts';

/** An outage of three seconds, and clients that try again: with a budget it is over when it is over. */
export default scenario({
  name: 'retry-storm',
  why: 'A model server stands still for three seconds. Clients that try again at once, again and again, keep it busy with requests that nobody waits for any more, long after it has recovered. With backoff and a budget for retries goodput must be back ten seconds after the outage.',
  covers: ['B3', 'B6', 'C16'],
  stack: {
    // Nothing but the clients' own behaviour decides: the gateway neither retries nor ejects, and gives up after a second.
    gateway: { retries: 0, ejection: 'off', healthChecks: 'off', timeouts: { firstByte: '1s' } },
    inference: { replicas: 1, profile: 'qwen3-8b-fp8-h100', maxBatch: 18 },
    timeScale: 60,
  },
  load: {
    // About nine tenths of what the replica can take: with less, what is left drains a naive storm within seconds.
    stages: [
      { name: 'ramp', to: '40/s', for: '3s' },
      { name: 'before', at: '40/s', for: '5s' },
      { name: 'outage', at: '40/s', for: '3s' },
      { name: 'settling', at: '40/s', for: '10s' },
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
      without: 'backoff and a budget for retries',
      set: { 'load.clients.retry': { kind: 'naive', maxRetries: 50 } },
      breaks: 'goodput ten seconds after the outage',
    },
  ],
});
