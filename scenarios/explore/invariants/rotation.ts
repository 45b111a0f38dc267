import { type EndFacts, finalSamples, type Invariant, replicasOf, stackOf } from './facts.ts';

/** Once every fault is healed, each replica is ready, each gateway sends it requests, discovery lists it, and limits are shared again. */
export const backInRotation: Invariant<EndFacts> = {
  name: 'every-replica-is-back',
  breaches(facts) {
    const { plan, finalStates } = facts;
    const { inference, control, redis } = stackOf(plan);
    const isExpected = (name: string) => inference.restart !== 'off' || finalStates[name] !== 'exited';
    const running = Object.keys(finalStates).filter(name => finalStates[name] !== 'stopped' && isExpected(name));
    const down = running.filter(name => finalStates[name] !== 'ready');
    const engines = replicasOf(facts, 'inference').filter(name => finalStates[name] === 'ready');
    const gateways = replicasOf(facts, 'gateway').filter(name => finalStates[name] === 'ready');
    return [
      ...down.map(name => `${name} is ${finalStates[name]}`),
      ...gateways.flatMap(gateway => outOfRotation(facts, gateway, engines)),
      ...(control === 'off' ? [] : unlisted(facts, engines.length)),
      ...(redis === 'off' ? [] : gateways.flatMap(gateway => withoutRedis(facts, gateway))),
    ];
  },
};

function outOfRotation(facts: EndFacts, gateway: string, engines: readonly string[]): string[] {
  const states = finalSamples(facts, gateway, 'gateway_upstream_state');
  if (states === undefined) return [`${gateway} is ready and did not respond`];
  const stateOf = (engine: string) =>
    states.find(({ labels, value }) => labels.upstream === engine && value === 1)?.labels.state ?? 'unknown to it';
  return engines
    .filter(engine => stateOf(engine) !== 'usable')
    .map(engine => `${engine} is ready, and at ${gateway} it is ${stateOf(engine)}`);
}

function unlisted(facts: EndFacts, ready: number): string[] {
  const found = finalSamples(facts, 'control', 'control_services');
  if (found === undefined) return [];
  const passing = found.find(({ labels }) => labels.service === 'inference' && labels.status === 'passing')?.value ?? 0;
  return passing === ready ? [] : [`${ready} engines are ready, and discovery lists ${passing} as passing`];
}

function withoutRedis(facts: EndFacts, gateway: string): string[] {
  const [up] = finalSamples(facts, gateway, 'gateway_limits_redis_up') ?? [];
  return up?.value === 0 && facts.finalStates.redis === 'ready'
    ? [`Redis is ready, and the limits of ${gateway} are not shared in it`]
    : [];
}
