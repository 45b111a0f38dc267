import { scenario } from '../../scenario.ts';

/** Nobody uses the service for a while, so that it has no replica left; then requests come again, and wait for the cold start. */
export default scenario({
  name: 'scale-to-zero',
  why: 'Without load there must be no replica that costs anything. The first requests after the pause must start one, wait in the gateway for its cold start of two minutes in production (two seconds here), and all be served.',
  covers: ['A4.1'],
  stack: {
    control: {},
    gateway: { replicas: 2 },
    inference: { replicas: 1, profile: 'qwen3-8b-fp8-h100' },
    autoscaler: {
      hpa: {
        apiVersion: 'keda.sh/v1alpha1',
        kind: 'ScaledObject',
        metadata: { name: 'inference' },
        spec: {
          scaleTargetRef: { name: 'inference' },
          minReplicaCount: 0,
          maxReplicaCount: 3,
          cooldownPeriod: 120,
          initialCooldownPeriod: 300,
          triggers: [{ type: 'prometheus', metadata: { query: 'sum(gateway_requests_in_flight)', threshold: '20' } }],
        },
      },
    },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'before', at: '10/s', for: '3s' },
      { name: 'pause', at: '0/s', for: '6s' },
      { name: 'again', at: '10/s', for: '15s' },
    ],
    workload: { promptTokens: [16, 32], outputTokens: [32, 48] },
  },
  slos: [
    { name: 'error rate', objective: 'errors <= 2%' },
    { name: 'TTFT of the first requests', window: 'load:again', objective: 'max(ttft) <= 4 s' },
  ],
  proof: [
    {
      without: 'the queue of the gateway',
      set: { 'stack.gateway.queue': 'off' },
      breaks: ['error rate', 'TTFT of the first requests'],
    },
    {
      without: 'an activation within seconds, since the autoscaler decides every five minutes',
      set: { 'stack.autoscaler.syncPeriod': '5m' },
      breaks: 'TTFT of the first requests',
    },
  ],
});
