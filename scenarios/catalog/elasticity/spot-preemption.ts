import { scenario } from '../../scenario.ts';

/** Replicas on nodes that their provider takes back. */
export default scenario({
  name: 'spot-preemption',
  why: 'Half of the replicas are on spot nodes, at a fifth of the price. Their provider takes both, one after the other, with two minutes of notice. Each replica must finish its responses before its node goes, and a node that boots at the notice must take its place before the next one goes: no response is lost, and those that are left suffice.',
  covers: ['A4.2'],
  stack: {
    control: {},
    gateway: { replicas: 1 },
    inference: { replicas: 4, profile: 'qwen3-8b-fp8-h100', maxBatch: 4 },
    capacity: {
      pools: [
        { name: 'reserved', gpusPerNode: 2, min: 1, max: 1, pricePerHour: 6 },
        {
          name: 'spot',
          gpusPerNode: 1,
          max: 3,
          pricePerHour: 0.6,
          spot: { notice: '2m', preemptions: [{ at: '2s' }, { at: '10s' }] },
        },
      ],
    },
    timeScale: 40,
  },
  load: {
    stages: [{ name: 'steady', at: '22/s', for: '18s' }],
    workload: { promptTokens: [16, 32], outputTokens: [70, 90] },
  },
  slos: [
    { name: 'no response is lost', objective: 'lost(drain) <= 0' },
    { name: 'error rate', objective: 'errors <= 2%' },
    { name: 'TTFT', objective: 'p95(ttft) <= 250 ms' },
  ],
  proof: [
    {
      without: 'time to end before a node does',
      set: { 'stack.capacity.pools.spot.spot.drain': '0s' },
      breaks: 'no response is lost',
    },
    {
      without: 'other nodes for those that go',
      set: { 'stack.capacity.pools.spot.boot': '1h' },
      breaks: 'TTFT',
    },
  ],
});
