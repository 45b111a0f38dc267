import { suite } from '../suite/suite.ts';

export default suite({
  name: 'attacks',
  why: 'What a single client with bad intentions can do: slow and oversized requests, hijacked prompts, stolen keys and replayed requests, each with its proofs.',
  scenarios: ['tag:attacks', 'hijack-prompt', 'key-flood', 'auth-storm'],
  platforms: ['virtual', 'process'],
  prove: true,
});
