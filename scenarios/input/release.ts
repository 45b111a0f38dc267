import type { StackOptions } from '../../stack/options.ts';
import { badScenario } from '../bad-scenario.ts';

/**
 * Checks the versions of a stack: that there are replicas for all of them, and that those of the gateways exist.
 * @throws SquallError `BAD_SCENARIO`
 */
export function checkRelease({
  gateway: { release },
  inference: { versions, replicas },
}: Pick<StackOptions, 'gateway' | 'inference'>): void {
  const names = versions.map(({ name }) => name);
  const twice = names.findIndex((name, at) => names.indexOf(name) < at);
  if (twice > 0)
    throw badScenario(`stack.inference.versions[${twice}].name`, 'another than those before', names[twice]);
  const total = versions.reduce((sum, version) => sum + version.replicas, 0);
  if (total > replicas)
    throw badScenario('stack.inference.versions', `at most \`stack.inference.replicas\` ${replicas} together`, total);
  if (release === 'off') return;
  const stray = release.versions.findIndex(({ name }) => !names.includes(name));
  if (stray < 0) return;
  const known = names.length === 0 ? 'which has none' : names.join(', ');
  throw badScenario(
    `stack.gateway.release.versions[${stray}].name`,
    `one of \`stack.inference.versions\`: ${known}`,
    release.versions[stray]!.name,
  );
}
