import { describe, expect, it } from 'vitest';
import { findProgram } from '../../harness/host/programs.ts';
import { missing } from '../require.ts';
import { squall, temporaryFolder } from './squall.ts';

// Four runs of a minute each, so only where the scenario gets all parts of its stack.
const skip =
  missing('nginx', findProgram('nginx') !== undefined) ||
  missing('redis', findProgram('redis-server') !== undefined) ||
  missing('prometheus', findProgram('prometheus') !== undefined);

describe(`squall prove${skip ? ` (${skip})` : ''}`, () => {
  it.skipIf(skip)(
    'holds for the main scenario: without each safeguard exactly the SLO that rests on it fails',
    async () => {
      using out = temporaryFolder();
      const { code, stdout, stderr } = await squall(['prove', 'node-loss', '--out', out.path, '--json']);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const { proofs } = JSON.parse(stdout);
      expect(proofs.length).toBeGreaterThanOrEqual(2);
      for (const proof of proofs) expect(proof.outcome, proof.sentence).toBe('holds');
    },
    600_000,
  );
});
