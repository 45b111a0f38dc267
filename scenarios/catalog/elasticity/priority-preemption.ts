import { hpa, perReplica } from '../../presets/hpa.ts';
import { scenario } from '../../scenario.ts';

/** A peak while other workloads occupy all GPUs. */
export default scenario({
  name: 'priority-preemption',
  why: 'All eight GPUs of the only node are in use: three by real-time replicas (priority 90), two by batch jobs (50), of which one must go on, and three by a gang of test jobs (10). When the load nearly triples, new replicas must not wait for these: the tests make room, all of them since they only run together, and one batch job. Each replica is there within a cold start, and the peak is served in time.',
  covers: ['A4.2', 'B9'],
  stack: {
    control: {},
    // Two requests at a time: a replica serves 16 in a second.
    inference: { replicas: 3, profile: 'qwen3-8b-fp8-h100', maxBatch: 2 },
    autoscaler: {
      hpa: hpa({
        minReplicas: 3,
        maxReplicas: 7,
        metrics: [perReplica('gateway_requests_in_flight', '1')],
      }),
    },
    capacity: {
      pools: [{ name: 'gpu', gpusPerNode: 8, min: 1, max: 1, pricePerHour: 24 }],
      workloads: [
        { name: 'batch', priority: 50, replicas: 2, disruptionBudget: { minAvailable: 1 } },
        { name: 'test', priority: 10, replicas: 3, minAvailable: 3 },
      ],
    },
    timeScale: 60,
  },
  load: {
    arrivals: 'constant',
    stages: [
      { name: 'before', at: '30/s', for: '2s' },
      { name: 'peak', at: '80/s', for: '5s' },
      { name: 'served', at: '80/s', for: '3s' },
    ],
    maxInFlight: 2000,
    workload: { promptTokens: [8, 16], outputTokens: [15, 20] },
  },
  slos: [
    { name: 'replicas for the peak', objective: 'scaling(load:peak).decided->ready <= 200 s' },
    { name: 'TTFT once they are there', window: 'load:served', objective: 'p95(ttft) <= 500 ms' },
    { name: 'error rate', objective: 'errors <= 1%' },
  ],
  proof: [
    {
      without: 'preemption of what is less important',
      set: { 'stack.capacity.inference': { priority: 10 } },
      breaks: ['replicas for the peak', 'TTFT once they are there'],
    },
  ],
});
