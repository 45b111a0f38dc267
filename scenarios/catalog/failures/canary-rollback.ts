import { scenario } from '../../scenario.ts';

/** A new version of the model, of which half of the requests fail, gets a quarter of the traffic, and loses it by itself. */
export default scenario({
  name: 'canary-rollback',
  why: 'A new version of the model is released to a quarter of the traffic, and fails with half of its requests. Its health checks pass, and a retry does not help, since it stays with the version. The gateways have to notice within seconds, and take the traffic back at all of them, before users and their error budget do.',
  covers: ['A2.14'],
  stack: {
    gateway: {
      replicas: 2,
      release: {
        versions: [{ name: 'v1', weight: 1 }, { name: 'v2' }],
        // All of the load has one key.
        sticky: 'off',
        // The budget of the SLO below; windows as of an hour and five minutes, for a run of a minute.
        rollback: {
          maxErrorRatio: 0.02,
          burnRates: [{ long: '20s', short: '3s', burnRate: 10 }],
          minRequests: 20,
        },
      },
    },
    inference: {
      replicas: 4,
      profile: 'qwen3-8b-fp8-h100',
      versions: [
        { name: 'v1', replicas: 3 },
        { name: 'v2', replicas: 1, errorRatio: 0.5 },
      ],
    },
    redis: {},
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '40/s', for: '3s' },
      { name: 'steady', at: '40/s', for: '42s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
  },
  faults: [{ id: 'release', kind: 'canary', on: 'gateway-1', version: 'v2', ratio: 0.25, at: '10s', for: '25s' }],
  slos: [
    { name: 'error rate before the release', window: 'baseline', objective: 'errors <= 2%' },
    { name: 'error rate during the release', window: 'fault:release', objective: 'errors <= 6%' },
    { name: 'TTFT during the release', window: 'fault:release', objective: 'p75(ttft) <= 350 ms' },
  ],
  proof: [
    {
      without: 'the automatic rollback',
      set: { 'stack.gateway.release.rollback': 'off' },
      breaks: 'error rate during the release',
    },
  ],
});
