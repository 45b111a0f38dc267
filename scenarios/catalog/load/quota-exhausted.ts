import { scenario } from '../../scenario.ts';

/** A script of one team runs wild. Its credits are soon spent, after which it gets a 429; then the ledger of usage dies, and nobody feels it. */
export default scenario({
  name: 'quota-exhausted',
  why: 'A script of one team sends twenty times what it should, and would take the replicas from everybody. It has credits for a few seconds of that; then it must get a clear rejection, and the others be served as before, also while the ledger of usage is down.',
  covers: ['A2.17'],
  stack: {
    gateway: {
      replicas: 2,
      accounting: {
        prices: { prompt: 100, completion: 400 },
        keys: [
          { key: 'sk-users', quota: 1000 },
          { key: 'sk-script', quota: 7 },
        ],
      },
    },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100', maxBatch: 10 },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '36/s', for: '3s' },
      { name: 'normal', at: '36/s', for: '7s' },
      { name: 'wild', at: '144/s', for: '8s' },
      { name: 'after', at: '48/s', for: '16s' },
    ],
    workload: 'chat-short',
    maxInFlight: 4000,
    clients: {
      classes: [
        { name: 'users', weight: 2, key: 'sk-users' },
        { name: 'script', weight: 10, key: 'sk-script' },
      ],
    },
  },
  faults: [{ id: 'outage', kind: 'kill', on: 'redis', at: '20s', for: '10s' }],
  slos: [
    { name: 'TTFT before', window: 'load:normal', class: 'users', objective: 'p90(ttft) <= 350 ms' },
    {
      name: 'goodput of everyone else',
      window: 'load:wild',
      class: 'users',
      objective: 'goodput(ttft 500 ms, latency 5 s) >= 90%',
    },
    { name: 'errors without the ledger', window: 'fault:outage', class: 'users', objective: 'errors <= 5%' },
  ],
  proof: [
    {
      without: 'the quota of the script',
      set: { 'stack.gateway.accounting.keys': [{ key: 'sk-users', quota: 1000 }] },
      breaks: 'goodput of everyone else',
    },
    {
      without: 'decisions without the ledger',
      set: { 'stack.gateway.accounting.onOutage': 'fail' },
      breaks: 'errors without the ledger',
    },
  ],
});
