import { readdirSync } from 'node:fs';
import type { FaultFactory } from '../harness/contracts.ts';
import { SquallError } from '../harness/errors.ts';
import type { FaultPackage } from './fault.ts';
import { boundaryOf, zoneOf } from './zones.ts';

const ROOMS = ['.', 'dependency', 'network', 'node', 'slow-http'];
const NOT_PACKAGES = new Set(['catalog.ts', 'fault.ts', 'probe.ts', 'zones.ts']);

/** Every fault kind there is: one for each file in the rooms below `faults/` that exports a `fault`, by kind. */
export const faultPackages: readonly FaultPackage[] = await loadPackages();

/** Binds a planned fault to its target. @throws SquallError `UNKNOWN_FAULT` or `UNKNOWN_TARGET` */
export const createFault: FaultFactory = (plan, stack, clock) => {
  const found = faultPackages.find(candidate => candidate.kind === plan.kind);
  if (!found) throw new SquallError('fault', 'UNKNOWN_FAULT', `No fault is called "${plan.kind}"`);
  const { parameters } = plan;
  const context = { stack, clock, forMs: plan.forMs };
  if (found.on === 'link') return found.create(parameters, named(stack.links, plan.target), context);
  if (found.on === 'zone') return found.create(parameters, zoneOf(plan.target, stack), context);
  if (found.on === 'boundary') return found.create(parameters, boundaryOf(plan.target, stack), context);
  return found.create(parameters, named(stack.replicas, plan.target), context);
};

async function loadPackages(): Promise<FaultPackage[]> {
  const files = ROOMS.flatMap(room =>
    readdirSync(new URL(`./${room}/`, import.meta.url))
      .filter(name => name.endsWith('.ts') && !NOT_PACKAGES.has(name))
      .sort()
      .map(name => new URL(`./${room}/${name}`, import.meta.url).href),
  );
  const modules = await Promise.all(files.map(file => import(file) as Promise<{ fault?: FaultPackage }>));
  return modules.flatMap(module => module.fault ?? []);
}

function named<T extends { readonly name: string }>(things: readonly T[], name: string): T {
  const found = things.find(thing => thing.name === name);
  if (found) return found;
  const known = things.map(thing => thing.name).join(', ');
  throw new SquallError('fault', 'UNKNOWN_TARGET', `Expected a fault's target to be one of ${known}, got "${name}"`);
}
