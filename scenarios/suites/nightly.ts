import { suite } from '../suite/suite.ts';

export default suite({
  name: 'nightly',
  why: 'Every night: all scenarios, on every platform that they can run on, and the proofs that each could have failed.',
  scenarios: ['*'],
  platforms: ['virtual', 'process', 'docker'],
  prove: true,
});
