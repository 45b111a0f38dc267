import { expect, it } from 'vitest';
import { SMALL, squall, temporaryFolder } from './squall.ts';

it('a proof that takes nothing away exits 1 and says so', async () => {
  using out = temporaryFolder();
  const idle = 'proof.0.set={stack.gateway.replicas: 1}';
  const { code, stdout } = await squall(['prove', SMALL, '--out', out.path, '--set', idle]);
  expect(code, stdout).toBe(1);
  expect(stdout).toMatch(/The SLO "errors stay rare" proves nothing: it also passes without retries and ejection/);
});
