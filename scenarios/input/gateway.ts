import { maxInference } from '../../stack/autoscaler/bounds.ts';
import { numbered } from '../../stack/naming.ts';
import type { StackOptions } from '../../stack/options.ts';
import { badScenario } from '../bad-scenario.ts';

/**
 * Checks that the gateways have what their parts need, and that those to which they give weights exist.
 * @throws SquallError `BAD_SCENARIO` that names the field
 */
export function checkGateway(stack: Pick<StackOptions, 'gateway' | 'redis' | 'inference' | 'autoscaler'>): void {
  const { balancer, cache, accounting } = stack.gateway;
  const kept = cache !== 'off' ? 'the cache of the gateways' : accounting !== 'off' && 'accounting';
  if (kept && stack.redis === 'off')
    throw badScenario('stack.redis', `on, since ${kept} keeps its entries there (\`redis: {}\`)`, stack.redis);
  if (typeof balancer === 'string' || balancer.policy !== 'weighted') return;
  const names = numbered('inference', maxInference(stack));
  for (const name of Object.keys(balancer.weights))
    if (!names.includes(name))
      throw badScenario('stack.gateway.balancer.weights', `names of replicas (${names.join(', ')})`, name);
}
