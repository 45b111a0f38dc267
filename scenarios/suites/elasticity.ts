import { suite } from '../suite/suite.ts';

export default suite({
  name: 'elasticity',
  why: 'Whether capacity follows the load: autoscaling, scarce nodes and lost metrics, over five seeds in simulated time.',
  scenarios: ['tag:elasticity'],
  platforms: ['virtual'],
  seeds: 5,
});
