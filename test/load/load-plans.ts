import { expect } from 'vitest';
import type { RunPlan } from '../../harness/plan.ts';
import { compileScenario } from '../../scenarios/compile.ts';
import { validateScenario } from '../../scenarios/validate.ts';

/** Ten seconds of twenty a second. */
export const STAGES = [{ at: '20/s', for: '10s' }];

/** The plan of a scenario in `folder` that is this `load` and one objective. */
export function planOf(folder: string, load: object, slo: object = {}, seed = 42): RunPlan {
  const slos = [{ name: 's', objective: 'errors <= 1%', ...slo }];
  const scenario = validateScenario({ name: 'x', why: 'y', load, slos }, 'x.yaml');
  return compileScenario(scenario, { seed, platform: 'process', replay: 'npx squall run x.yaml', folder }).plan;
}

/** Why such a scenario is refused. */
export function refusal(folder: string, load: object, slo?: object): string {
  try {
    planOf(folder, load, slo);
  } catch (error) {
    expect(error).toMatchObject({ kind: 'scenario', next: expect.any(String) });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}
