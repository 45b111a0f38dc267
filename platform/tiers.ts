import { SquallError } from '../harness/errors.ts';
import type { ReplicaPlan } from '../stack/replica-plan.ts';
import type { Topology } from '../stack/topology.ts';

/**
 * Start order of replicas: each tier uses links to earlier tiers only, and is ready before the next one starts. A stack is taken down
 * in reverse order.
 *
 * ```
 * control ─▶ inference-1, inference-2 ─▶ gateway-1
 * ```
 *
 * @throws SquallError `CIRCULAR_TOPOLOGY` for replicas that wait for each other
 */
export function startTiers({ replicas, links }: Topology): ReplicaPlan[][] {
  const behind = new Map(links.map(({ name, to }) => [name, to]));
  const tiers: ReplicaPlan[][] = [];
  const started = new Set<string>();
  let waiting = [...replicas];
  while (waiting.length > 0) {
    const tier = waiting.filter(({ uses }) => uses.every(link => started.has(behind.get(link) ?? '')));
    if (tier.length === 0) {
      const names = waiting.map(({ name }) => name).join(', ');
      throw new SquallError('stack', 'CIRCULAR_TOPOLOGY', `Expected some of ${names} to depend on none of the others`, {
        next: 'Remove a link from the cycle.',
      });
    }
    for (const { name } of tier) started.add(name);
    waiting = waiting.filter(replica => !tier.includes(replica));
    tiers.push(tier);
  }
  return tiers;
}
