import { scenario } from '../../../scenarios/scenario.ts';
import { LOAD, policies, SLOS, STACK } from './stack.ts';

export default scenario({
  name: 'policies-steps',
  why: 'The load triples at once, twice, and falls as suddenly.',
  stack: STACK,
  load: { stages: ['1/s', '3/s', '1.5/s', '4.5/s', '0.5/s'].map(at => ({ at, for: '6m' })), ...LOAD },
  slos: SLOS,
  variants: policies(8, '30m', [
    { start: '6 * * * *', end: '12 * * * *', replicas: 6 },
    { start: '18 * * * *', end: '24 * * * *', replicas: 8 },
  ]),
});
