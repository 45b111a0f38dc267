import { expect, it } from 'vitest';
import { SMALL, squall, temporaryFolder } from './squall.ts';

// With a cold start of 2 s, half of the requests meet the dead replica for that long if nothing keeps them away.
const SETS = ['stack.timeScale=60', 'slos.errors stay rare.objective=errors <= 2%'];
const PROOFS = `proof=[
  { without: retries and ejection, set: { stack.gateway.retries: 0, stack.gateway.ejection: off }, breaks: errors stay rare },
  { without: anything at all, set: { stack.gateway.replicas: 1 }, breaks: errors stay rare },
]`;

it('a proof holds if without the safeguard exactly its SLO fails; one that takes nothing away proves nothing and exits 1', async () => {
  using out = temporaryFolder();
  const set = [...SETS, PROOFS].flatMap(value => ['--set', value]);
  const { code, stdout } = await squall(['prove', SMALL, '--out', out.path, '--json', ...set]);
  const { proofs } = JSON.parse(stdout);
  const [real, idle] = proofs;
  expect(real?.outcome, real?.sentence ?? stdout).toBe('holds');
  expect(idle.sentence).toMatch(/"errors stay rare" proves nothing: it also passes without anything at all/);
  expect(code).toBe(1);
}, 200_000);
