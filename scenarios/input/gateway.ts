import { type Environment, referenceIn, resolveSecret } from '../../load/request/secrets.ts';
import { maxInference } from '../../stack/autoscaler/bounds.ts';
import { numbered } from '../../stack/naming.ts';
import type { SettledOptions, StackOptions } from '../../stack/options.ts';
import { badScenario } from '../bad-scenario.ts';

type Gateway = StackOptions['gateway'];
type Parts = Pick<SettledOptions, 'gateway' | 'redis' | 'inference' | 'autoscaler'>;

type Classes = readonly { readonly key?: string | undefined; readonly batch?: unknown }[];

/** Parts of the gateway that keep everything in Redis. */
const KEPT_IN_REDIS = ['cache', 'batch', 'accounting'] as const;

/**
 * Checks that the gateways have what their parts need, and that those to which they give weights exist.
 * @param stack with `auto` replaced
 * @param written `redis` before that
 * @param classes of clients
 * @returns what their parts cannot do in this stack, as sentences with what to change
 * @throws SquallError `BAD_SCENARIO` that names the field
 */
export function checkGateway(stack: Parts, written: StackOptions['redis'], classes: Classes = []): string[] {
  const { gateway, redis } = stack;
  const submits = classes.findIndex(({ batch }) => batch);
  if (submits >= 0 && gateway.batch === 'off')
    throw badScenario(
      'stack.gateway.batch',
      `on, since \`load.clients.classes[${submits}].batch\` submits batches (\`batch: {}\`)`,
      'off',
    );
  const part = KEPT_IN_REDIS.find(name => gateway[name] !== 'off');
  if (part && redis === 'off')
    throw badScenario(
      'stack.redis',
      `on, since \`stack.gateway.${part}\` keeps everything there (\`redis: {}\`)`,
      written,
      written === 'auto' ? ', and redis-server is not installed' : '',
    );
  checkWeights(stack);
  return [...limitations(gateway, redis), ...strayKeys(gateway, classes)];
}

function checkWeights({ gateway: { balancer }, ...others }: Parts): void {
  if (typeof balancer === 'string' || balancer.policy !== 'weighted') return;
  const names = numbered('inference', maxInference(others));
  for (const name of Object.keys(balancer.weights))
    if (!names.includes(name))
      throw badScenario('stack.gateway.balancer.weights', `names of replicas (${names.join(', ')})`, name);
}

function limitations(
  { identity, release, batch, accounting, cache, encryption, replicas }: Gateway,
  redis: Parts['redis'],
): string[] {
  const { persistence, eviction } = redis === 'off' ? {} : redis;
  const isKept = batch !== 'off' || accounting !== 'off';
  // Usage has a time to live, as have the entries of the cache that fill the memory.
  const isEvicted =
    eviction === 'allkeys-lru' || (eviction === 'volatile-lru' && accounting !== 'off' && cache !== 'off');
  const sentences: [boolean, string][] = [
    [
      redis === 'off' && identity !== 'off',
      'Each gateway knows only the revocations and used proofs of its own, and forgets them when it restarts: share them through a Redis, `stack.redis: {}`.',
    ],
    [
      redis === 'off' && release !== 'off' && replicas > 1,
      'Each gateway rolls a version back for itself: share decisions through a Redis, `stack.redis: {}`.',
    ],
    [
      encryption !== 'off' && encryption.required,
      'Every completion of the load is refused, as its clients do not encrypt: `stack.gateway.encryption.required: false`.',
    ],
    [
      isKept && persistence === 'off',
      'Redis loses batches and usage when it is killed: keep them with `stack.redis.persistence: append-only`.',
    ],
    [
      isKept && isEvicted,
      `Redis may evict ${eviction === 'allkeys-lru' ? 'batches and usage' : 'usage'} when its memory is full: \`stack.redis.eviction: noeviction\` keeps it.`,
    ],
  ];
  return sentences.flatMap(([applies, sentence]) => (applies ? [sentence] : []));
}

/** Keys that no class of clients sends, by their fields. */
function strayKeys({ admission, accounting }: Gateway, classes: Classes): string[] {
  const strays = (part: string, keys: readonly { readonly key: string }[]) =>
    keys.flatMap(({ key }, index) =>
      classes.some(own => own.key === key)
        ? []
        : [
            `No class of \`load.clients\` has the key of \`stack.gateway.${part}.keys[${index}]\`, which is without effect.`,
          ],
    );
  return [
    ...(admission === 'off' ? [] : strays('admission', admission.keys)),
    ...(accounting === 'off' ? [] : strays('accounting', accounting.keys)),
  ];
}

/**
 * Gateway options in which the keys of callers are no longer references to the environment.
 * @throws SquallError `BAD_SCENARIO` that names the field of a variable that is not set
 */
export function withKeys(gateway: Gateway, environment: Environment): Gateway {
  const resolved = <Own extends { readonly key: string }>(part: string, keys: readonly Own[]) =>
    keys.map((own, index) => {
      const variable = referenceIn(own.key);
      if (variable !== undefined && environment[variable] === undefined)
        throw badScenario(
          `stack.gateway.${part}.keys[${index}].key`,
          'the name of an environment variable that is set',
          own.key,
        );
      return { ...own, key: resolveSecret(own.key, environment) };
    });
  const { admission, accounting } = gateway;
  return {
    ...gateway,
    admission: admission === 'off' ? 'off' : { ...admission, keys: resolved('admission', admission.keys) },
    accounting: accounting === 'off' ? 'off' : { ...accounting, keys: resolved('accounting', accounting.keys) },
  };
}
