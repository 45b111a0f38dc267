import { suite } from '../suite/suite.ts';

export default suite({
  name: 'smoke',
  why: 'Before a change is shared: one scenario of each kind, in simulated time, in less than two minutes on two cores.',
  scenarios: ['node-loss', 'breaker', 'retry-storm', 'zone-partition', 'step-load', 'key-flood', 'burst-gamma'],
  platforms: ['virtual'],
  budget: '2m',
});
