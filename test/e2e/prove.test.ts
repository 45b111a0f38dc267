import { describe, expect, it } from 'vitest';
import { squall, temporaryFolder } from './squall.ts';

describe('squall prove', () => {
  it('holds for the main scenario: without each defence exactly the SLO that rests on it fails', async () => {
    using out = temporaryFolder();
    const { code, stdout, stderr } = await squall(['prove', 'node-loss', '--out', out.path, '--json']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { proofs } = JSON.parse(stdout);
    expect(proofs.length).toBeGreaterThanOrEqual(2);
    for (const proof of proofs) expect(proof.outcome, proof.sentence).toBe('holds');
  }, 600_000);
});
