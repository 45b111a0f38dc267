import { scenario } from '../../../scenarios/scenario.ts';
import { LOAD, policies, SLOS, STACK } from './stack.ts';

const quietThenSpike = [
  { at: '1/s', for: '5m' },
  { spike: '4/s', rise: '10s', for: '2m' },
];

export default scenario({
  name: 'policies-spikes',
  why: 'Requests come in bursts, and five spikes are nearly over before a replica that they call for has loaded its model.',
  stack: STACK,
  load: {
    arrivals: { kind: 'gamma', cv: 2 },
    stages: Array.from({ length: 5 }, () => quietThenSpike).flat(),
    ...LOAD,
  },
  slos: SLOS,
  variants: policies(8, '7m', [{ start: '5-59/7 * * * *', end: '*/7 * * * *', replicas: 7 }]),
});
