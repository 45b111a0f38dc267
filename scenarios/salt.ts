import { createHash } from 'node:crypto';
import type { RunPlan } from '../harness/plan.ts';
import type { CompiledScenario } from './compile.ts';
import { secretsOf } from './session/secrets.ts';

const CHARACTERS = 10;

/**
 * Salt of a run: another for each, but for runs that start together (`--start-at`), whose prompts are then those of one run.
 * In virtual time it follows from the seed, as everything does.
 * @param startAt start of the load phase. @default as soon as possible
 */
export function freshSalt({ seed, platform }: Pick<RunPlan, 'seed' | 'platform'>, startAt?: Date): string {
  if (!startAt) return secretsOf({ seed, platform }, 'salt')(CHARACTERS / 2).toString('hex');
  return createHash('sha256').update(`${seed} ${startAt.toISOString()}`).digest('hex').slice(0, CHARACTERS);
}

/** A scenario whose prompts begin with marks of a salt, and whose replay command gives it. @param salt empty for none */
export function withSalt(compiled: CompiledScenario, salt: string): CompiledScenario {
  const { plan } = compiled;
  const { workload, clients } = plan.load;
  const sendsPrompts = [workload, ...(clients?.classes ?? []).map(own => own.workload)].some(
    ({ kind }) => kind !== 'http',
  );
  if (!sendsPrompts) return compiled;
  const replay = `${plan.replay} --salt ${salt === '' ? 'none' : salt}`;
  return { ...compiled, plan: { ...plan, load: { ...plan.load, salt }, replay } };
}
