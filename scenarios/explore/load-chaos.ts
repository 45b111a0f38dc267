import { messageOf } from '../../harness/errors.ts';
import { seededRandom } from '../../harness/random.ts';
import { badScenario } from '../bad-scenario.ts';
import type { CompiledScenario } from '../compile.ts';
import type { ResolvedScenario, Scenario } from '../scenario.ts';
import { type ChaosPlan, compileChaos } from './chaos.ts';
import { drawParameters, scheduleAt } from './generate.ts';
import { materialised } from './materialise.ts';
import { EMPTY } from './schedule.ts';

/**
 * Binds the `chaos` section of a scenario, and checks that whatever can be drawn from it is a scenario, too.
 * @param written the scenario as in its file
 * @param check validates and compiles a scenario as written; throws for one that is none
 * @returns undefined without such a section
 * @throws SquallError `BAD_SCENARIO` that names the field
 */
export function loadChaos(
  { chaos }: ResolvedScenario,
  { plan, topology }: CompiledScenario,
  written: Scenario,
  check: (scenario: Scenario) => void,
): ChaosPlan | undefined {
  if (!chaos) return undefined;
  const bound = compileChaos(chaos, topology, plan.load);
  for (const [index, kind] of bound.kinds.entries())
    if (!drawParameters(kind, seededRandom(0)))
      throw badScenario(`chaos.faults[${index}]`, 'ranges in which its parameters fit together', kind.parameters);
  for (const [path, values] of Object.entries(bound.stack))
    for (const value of values) {
      const field = `chaos.stack["${path}"]`;
      checking(field, 'values of this option', value, () =>
        check(materialised(written, { ...EMPTY, stack: { [path]: value } })),
      );
    }
  const schedule = scheduleAt(bound, 0, 0);
  if (schedule.faults.length === 0)
    throw badScenario('chaos', 'times in which at least one of its faults fits', {
      from: chaos.from,
      until: chaos.until,
    });
  checking(
    'chaos',
    'SLOs and faults that fit the scenario',
    chaos.slos.map(({ name }) => name),
    () => check(materialised(written, { ...schedule, stack: {} })),
  );
  return bound;
}

function checking(field: string, expected: string, found: unknown, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw badScenario(field, expected, found, `: ${messageOf(error)}`);
  }
}
