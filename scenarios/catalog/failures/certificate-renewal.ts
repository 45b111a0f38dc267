import { scenario } from '../../scenario.ts';

/** The TLS certificate of the edge is replaced twice under load. Needs nginx. */
export default scenario({
  name: 'certificate-renewal',
  why: 'Certificates are renewed every few weeks under load. No request may fail because of a renewal, and the old certificate must not stay in use.',
  covers: ['A1.1'],
  stack: {
    gateway: { replicas: 2 },
    inference: { replicas: 2, profile: 'qwen3-8b-fp8-h100' },
    edge: { tls: {} },
    timeScale: 60,
  },
  load: {
    stages: [
      { name: 'ramp', to: '40/s', for: '3s' },
      { name: 'hold', at: '40/s', for: '17s' },
    ],
    workload: { name: 'chat-brief', promptTokens: [32, 128], outputTokens: [8, 16] },
  },
  faults: [
    { id: 'first', kind: 'certificate-renewal', on: 'client→edge', at: '7s' },
    { id: 'second', kind: 'certificate-renewal', on: 'client→edge', at: '13s' },
  ],
  slos: [
    { name: 'error rate', objective: 'errors <= 0.5%' },
    { name: 'TTFT', objective: 'p95(ttft) <= 350 ms' },
  ],
  proof: [
    {
      without: 'a valid certificate',
      // Open connections are not affected, so it lasts until they have been recycled.
      set: { 'faults.second.kind': 'certificate-expiry', 'faults.second.for': '6s' },
      breaks: ['error rate', 'TTFT'],
    },
  ],
});
