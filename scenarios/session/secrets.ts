import { type SecretBytes, seededSecrets, systemSecrets } from '../../harness/host/secrets.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';

/**
 * Source of what no two runs have in common, such as keys and salts; in virtual time it follows from the seed, as everything does.
 * @param purpose those of one purpose do not tell those of another
 */
export function secretsOf({ seed, platform }: Pick<RunPlan, 'seed' | 'platform'>, purpose: string): SecretBytes {
  return platform === 'virtual' ? seededSecrets(seededRandom(seed).stream(purpose)) : systemSecrets;
}
