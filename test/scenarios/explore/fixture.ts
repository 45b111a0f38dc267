import { type FoundScenario, findScenario } from '../../../scenarios/find.ts';
import { loadScenario } from '../../../scenarios/load-scenario.ts';
import type { Scenario } from '../../../scenarios/scenario.ts';

/** The catalogue's scenario to explore, with another `chaos` section, bound to its stack. */
export async function chaosOf(changes: object = {}) {
  const found = await findScenario('random-faults');
  const raw = found.raw as Scenario;
  return loadChaos({ ...found, raw: { ...raw, chaos: { ...raw.chaos, ...changes } } });
}

/** What a scenario can be explored by. @throws SquallError as `squall explore` */
export async function loadChaos(found: FoundScenario) {
  const { chaos, compiled } = await loadScenario(found, { seed: 42, platform: 'virtual', replay: '' });
  return { ...chaos!, compiled };
}
