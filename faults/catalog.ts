import type { FaultFactory } from '../harness/contracts.ts';
import { SquallError } from '../harness/errors.ts';
import { importModule, moduleNames } from '../harness/host/modules.ts';
import type { FaultPackage } from './fault.ts';
import type { Attack } from './slow-http/attack.ts';
import { attackFault } from './slow-http/attacker/attack-fault.ts';
import { boundaryOf, named, zoneOf } from './zones.ts';

const ROOMS = ['.', 'dependency', 'engine', 'identity', 'network', 'node', 'release', 'slow-http'];
const NOT_PACKAGES = new Set(['catalog', 'fault', 'intruder', 'probe', 'zones']);

/** All kinds of faults: one per file in the folders below `faults/` that exports a `fault` or an `attack`. */
export const faultPackages: readonly FaultPackage[] = await loadPackages();

/** Binds a planned fault to its target. @throws SquallError `UNKNOWN_FAULT` or `UNKNOWN_TARGET` */
export const createFault: FaultFactory = (plan, stack, clock) => {
  const found = faultPackages.find(candidate => candidate.kind === plan.kind);
  if (!found) throw new SquallError('fault', 'UNKNOWN_FAULT', `Unknown fault "${plan.kind}"`);
  const { parameters, target } = plan;
  const context = { stack, clock, forMs: plan.forMs };
  if (found.on === 'link') return found.create(parameters, named(stack.links, target), context);
  if (found.on === 'zone') return found.create(parameters, zoneOf(target, stack), context);
  if (found.on === 'boundary') return found.create(parameters, boundaryOf(target, stack), context);
  return found.create(parameters, named(stack.replicas, target), context);
};

async function loadPackages(): Promise<FaultPackage[]> {
  const modules = ROOMS.flatMap(room => {
    const folder = new URL(`./${room}/`, import.meta.url);
    const names = moduleNames(folder).filter(name => !NOT_PACKAGES.has(name));
    return names.map(name => importModule<{ fault?: FaultPackage; attack?: Attack }>(folder, name));
  });
  return (await Promise.all(modules)).flatMap(({ fault, attack }) => fault ?? (attack ? attackFault(attack) : []));
}
