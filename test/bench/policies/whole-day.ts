import { scenario } from '../../../scenarios/scenario.ts';
import { hpa, LOAD, policies, SLOS, STACK } from './stack.ts';

/** Six hours of a day at their own length, the last minutes of which are a burst. */
const quarter = (mean: string, amplitude: string) => [
  { sinusoid: { mean, amplitude, period: '345m' }, for: '345m' },
  { spike: '7/s', rise: '30s', for: '15m' },
];

export default scenario({
  name: 'whole-day',
  why: 'A day of 86,400 seconds in virtual time: between 3 and 20 replicas follow its load.',
  stack: {
    ...STACK,
    gateway: { replicas: 1, healthChecks: { interval: '10s' } },
    control: { ttl: '30s' },
  },
  load: {
    stages: [
      ...quarter('0.6/s', '0.4/s'),
      ...quarter('1.5/s', '1/s'),
      ...quarter('2/s', '1.5/s'),
      ...quarter('1/s', '0.5/s'),
    ],
    ...LOAD,
  },
  slos: SLOS,
  variants: {
    ...policies(9, '6h', [{ start: '45 2,8,14,20 * * *', end: '0 3,9,15,21 * * *', replicas: 12 }]),
    'hpa-down-after-2m': { 'stack.autoscaler': { hpa: hpa({ scaleDown: { stabilizationWindowSeconds: 120 } }) } },
  },
});
