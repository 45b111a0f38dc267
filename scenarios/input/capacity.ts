import type { GroupSpec } from '../../stack/capacity/cluster.ts';
import { canEverHold, initialCluster } from '../../stack/capacity/initial.ts';
import { type CapacityOptions, INFERENCE } from '../../stack/capacity/options.ts';
import { capacityPlan, inferencePods, podsOf } from '../../stack/capacity/spec.ts';
import { zonesNamed } from '../../stack/naming.ts';
import type { StackOptions } from '../../stack/options.ts';
import { badScenario } from '../bad-scenario.ts';

const FIELD = 'stack.capacity';
/** Pods of workloads, all together: the time of a decision grows with the square of their number. */
const MAX_PODS = 500;

/**
 * Checks that a capacity model makes sense: that there is a Scale API, that names are known and differ, that each workload could have its
 * places, that the replicas of the start have theirs, and that moments are within the load.
 * @param endMs end of the offered load, in ms from the start of the load phase
 * @throws SquallError `BAD_SCENARIO` that names the field
 */
export function checkCapacity(
  { capacity, control, zones, inference }: Pick<StackOptions, 'capacity' | 'control' | 'zones' | 'inference'>,
  endMs: number,
): void {
  if (capacity === 'off') return;
  if (control === 'off')
    throw badScenario('stack.control', '`control: {}`, since replicas are scaled through it', control);
  const count = capacity.workloads.reduce((sum, { replicas }) => sum + replicas, 0);
  if (count > MAX_PODS) throw badScenario(`${FIELD}.workloads`, `at most ${MAX_PODS} \`replicas\` in all`, count);
  checkNames(capacity);
  checkMoments(capacity, endMs);
  const plan = capacityPlan(capacity, { zones: zonesNamed(zones), timeScale: 1, seed: 1 });
  const { spec, workloads } = plan;
  for (const [index, { name, replicas, minAvailable }] of capacity.workloads.entries()) {
    const field = `${FIELD}.workloads[${index}]`;
    if (!canEverHold(spec, name, minAvailable))
      throw minAvailable > 1
        ? badScenario(`${field}.minAvailable`, `so few that the largest pools hold them at once`, minAvailable)
        : badScenario(`${field}.gpus`, 'what a node of its pools has', capacity.workloads[index]!.gpus);
    checkBudget(spec.groups[index + 1]!, replicas, field);
  }
  checkBudget(spec.groups[0]!, inference.maxReplicas ?? inference.replicas, `${FIELD}.inference`);
  const early = workloads.filter(({ atMs }) => atMs === undefined).flatMap(podsOf);
  const replicas = inferencePods(inference.replicas, spec.zones);
  const { pods } = initialCluster(spec, [...replicas, ...early], 0);
  const placed = pods.filter(({ group, status }) => group === INFERENCE && status === 'placed').length;
  if (placed < replicas.length)
    throw badScenario(
      'stack.inference.replicas',
      `at most ${placed}, for which \`${FIELD}.pools\` have places`,
      replicas.length,
    );
}

function checkNames({ pools, inference, workloads }: CapacityOptions): void {
  const names = pools.map(({ name }) => name);
  checkUnique(names, 'pools');
  checkUnique(
    workloads.map(({ name }) => name),
    'workloads',
  );
  const groups = [inference, ...workloads];
  for (const [nth, { pools: used = [] }] of groups.entries()) {
    const field = nth === 0 ? `${FIELD}.inference.pools` : `${FIELD}.workloads[${nth - 1}].pools`;
    for (const [index, name] of used.entries())
      if (!names.includes(name))
        throw badScenario(`${field}[${index}]`, `a pool of this stack (${names.join(', ')})`, name);
  }
}

function checkUnique(names: readonly string[], list: string): void {
  const index = names.findIndex((name, nth) => names.indexOf(name) < nth);
  if (index >= 0) throw badScenario(`${FIELD}.${list}[${index}].name`, 'a name that no other has', names[index]);
}

function checkMoments({ pools, workloads }: CapacityOptions, endMs: number): void {
  const check = (field: string, atMs: number | undefined) => {
    if (atMs !== undefined && atMs >= endMs)
      throw badScenario(field, `before the load ends at ${endMs / 1000}s`, `${atMs / 1000}s`);
  };
  for (const [index, { atMs }] of workloads.entries()) check(`${FIELD}.workloads[${index}].at`, atMs);
  for (const [index, { spot }] of pools.entries())
    if (spot !== 'off')
      for (const [nth, { atMs }] of spot.preemptions.entries())
        check(`${FIELD}.pools[${index}].spot.preemptions[${nth}].at`, atMs);
}

/** A budget that asks for more pods than there can be would forbid every preemption in silence. */
function checkBudget({ disruptionBudget: budget }: GroupSpec, replicas: number, field: string): void {
  if (budget !== 'off' && 'minAvailable' in budget && budget.minAvailable > replicas)
    throw badScenario(
      `${field}.disruptionBudget.minAvailable`,
      `at most ${replicas}, the number of its pods`,
      budget.minAvailable,
    );
}
