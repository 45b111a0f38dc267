import { suite } from '../suite/suite.ts';

export default suite({
  name: 'nightly',
  why: 'Every night: all scenarios, on every platform that they can run on, and the proofs that each could have failed, on the first of these.',
  scenarios: ['*'],
  platforms: ['virtual', 'process', 'docker'],
  prove: 'once',
});
