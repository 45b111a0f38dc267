import { scenario } from '../../scenario.ts';

/** Steady load on a small stack with discovery, for `squall explore`: by itself nothing fails. */
export default scenario({
  name: 'random-faults',
  why: 'Faults come in combinations that nobody has thought of. Whatever single replicas and links do, users must see few errors, and the service must recover.',
  covers: ['B13'],
  stack: {
    gateway: { replicas: 2, timeouts: { connect: '500ms', firstByte: '2s', idle: '2s' } },
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100' },
    control: {},
    timeScale: 60,
  },
  load: {
    stages: [{ name: 'steady', at: '20/s', for: '30s' }],
    workload: { promptTokens: [32, 256], outputTokens: [32, 64] },
    firstTokenTimeout: '6s',
    idleTimeout: '6s',
  },
  slos: [
    { name: 'error rate', objective: 'errors <= 2%' },
    { name: 'hanging requests', objective: 'errors(first-token-timeout, idle-timeout) <= 1%' },
  ],
  chaos: {
    budget: 3,
    faults: [
      { kind: 'kill', on: 'inference-*', weight: 3, for: { from: '500ms', to: '6s' } },
      { kind: 'stop', on: 'inference-*', weight: 2 },
      { kind: 'pause', on: 'inference-*', for: { from: '2s', to: '8s' }, weight: 2 },
      { kind: 'kill', on: 'control', for: { from: '1s', to: '8s' } },
      { kind: 'pause', on: 'control', for: { from: '2s', to: '8s' } },
      {
        kind: 'engine-failure',
        on: 'inference-*',
        for: { from: '2s', to: '6s' },
        as: ['not-found', 'server-error', 'error-event', 'no-token', 'no-byte', 'reset'],
      },
      {
        kind: 'latency',
        on: ['gateway->inference-*', 'gateway->control'],
        for: { from: '2s', to: '8s' },
        latency: { from: '50ms', to: '1s' },
      },
      { kind: 'timeout', on: 'gateway->inference-*', for: { from: '2s', to: '6s' } },
      { kind: 'reset-peer', on: 'gateway->inference-*', for: { from: '2s', to: '6s' } },
      {
        kind: 'down',
        on: ['gateway->inference-*', 'gateway->control', 'inference->control'],
        for: { from: '2s', to: '6s' },
      },
      {
        kind: 'slow-close',
        on: 'gateway->inference-*',
        for: { from: '2s', to: '6s' },
        delay: { from: '100ms', to: '2s' },
      },
      {
        kind: 'bandwidth',
        on: 'gateway->inference-*',
        for: { from: '2s', to: '6s' },
        rate: { from: '5KB/s', to: '50KB/s' },
      },
    ],
    slos: [{ name: 'recovery', objective: 'recovery(*) <= 12 s' }],
  },
});
