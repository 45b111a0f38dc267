import { scenario } from '../../../scenarios/scenario.ts';
import { LOAD, policies, SLOS, STACK } from './stack.ts';

/** A day in a quarter of an hour, with a burst in the evening. */
const day = [
  { sinusoid: { mean: '2/s', amplitude: '1.5/s', period: '13m' }, for: '13m' },
  { spike: '5/s', rise: '15s', for: '2m' },
];

export default scenario({
  name: 'policies-day',
  why: 'The load comes and goes as in a day, with a burst in the evening.',
  stack: STACK,
  load: { stages: [...day, ...day, ...day], ...LOAD },
  slos: SLOS,
  variants: policies(8, '15m', [
    { start: '*/15 * * * *', end: '7-59/15 * * * *', replicas: 6 },
    { start: '13-59/15 * * * *', end: '*/15 * * * *', replicas: 8 },
  ]),
});
