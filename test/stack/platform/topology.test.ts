import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseControlConfig } from '../../../stack/control/config.ts';
import { parseGatewayConfig } from '../../../stack/gateway/config.ts';
import { parseInferenceConfig } from '../../../stack/inference/config.ts';
import { startTiers } from '../../../stack/platform/tiers.ts';
import { linkNames, type ReplicaPlan, replicaNames, stackOptionsSchema, topologyOf } from '../../../stack/topology.ts';

const topologyFor = (options: unknown, timeScale = 20, apiKey?: string) =>
  topologyOf(stackOptionsSchema.parse(options), timeScale, 7, apiKey);
const addresses = {
  listen: '127.0.0.1:1000',
  links: Object.fromEntries([1, 2, 3].map(n => [`gateway→inference-${n}`, `127.0.0.1:200${n}`])),
};

describe('topologyOf', () => {
  it('names three inference replicas behind one gateway by default, and every hop between', () => {
    const topology = topologyFor({});
    expect(replicaNames(topology)).toEqual(['inference-1', 'inference-2', 'inference-3', 'gateway-1']);
    expect(linkNames(topology)).toEqual([
      'client→gateway-1',
      'gateway→inference-1',
      'gateway→inference-2',
      'gateway→inference-3',
    ]);
    for (const { program } of topology.replicas) expect(existsSync(program)).toBe(true);
  });

  it('gives each gateway an entry of its own and lets them share the links to the replicas', () => {
    const topology = topologyFor({ gateway: { replicas: 2, port: 8080 }, inference: { replicas: 1 } });
    expect(topology.links).toEqual([
      { name: 'client→gateway-1', to: 'gateway-1', port: 8080, isEntry: true },
      { name: 'client→gateway-2', to: 'gateway-2', port: 0, isEntry: true },
      { name: 'gateway→inference-1', to: 'inference-1', port: 0, isEntry: false },
    ]);
    expect(topology.replicas.map(({ uses }) => uses)).toEqual([[], ['gateway→inference-1'], ['gateway→inference-1']]);
  });

  it('tells the gateway the links and the hash of the key, never a replica or the key', () => {
    const topology = topologyFor({ gateway: { balancer: 'round-robin', ejection: 'off', retries: 0 } }, 20, 'sk-test');
    const { LISTEN, GATEWAY_CONFIG } = topology.replicas.at(-1)!.environment(addresses);
    expect(LISTEN).toBe('127.0.0.1:1000');
    const config = parseGatewayConfig(GATEWAY_CONFIG);
    expect(config).toMatchObject({ name: 'gateway-1', balancer: 'round-robin', ejection: 'off', retries: { max: 0 } });
    expect(config.upstreams).toEqual([1, 2, 3].map(n => ({ name: `inference-${n}`, url: `http://127.0.0.1:200${n}` })));
    expect(config.apiKeyHashes).toEqual([createHash('sha256').update('sk-test').digest('hex')]);
    expect(GATEWAY_CONFIG).not.toContain('sk-test');
    expect(topology.authorization).toBe('Bearer sk-test');
  });

  it('makes a new key for every run', () => {
    const [one, other] = [topologyFor({}), topologyFor({})].map(({ authorization }) => authorization);
    expect(one).toMatch(/^Bearer sk-[0-9a-f]{48}$/);
    expect(one).not.toBe(other);
  });

  it('tells each replica its name, and serves the model that the gateway lists', () => {
    const topology = topologyFor({ inference: { profile: 'qwen3-8b-bf16-h100', maxBatch: 16 } }, 60);
    const replica = topology.replicas[1]!;
    const config = parseInferenceConfig(replica.environment(addresses).INFERENCE_CONFIG);
    expect(config).toMatchObject({ name: 'inference-2', maxBatch: 16, timeScale: 60, seed: 7 });
    const gateway = parseGatewayConfig(topology.replicas.at(-1)!.environment(addresses).GATEWAY_CONFIG);
    expect(gateway.models).toEqual([config.model]);
    // The profile loads for 120 s.
    expect(replica.coldStartMs).toBe(2000);
    expect(replica.restart).toEqual({ initialMs: 200, factor: 2, maxMs: 10_000 });
  });

  it('is the same for the same options, seed and key', () => {
    const describe = () => {
      const { replicas, ...rest } = topologyFor({}, 20, 'sk-test');
      return JSON.stringify([rest, replicas, replicas.map(replica => replica.environment(addresses))]);
    };
    expect(describe()).toBe(describe());
  });

  it.each([
    [{ inference: { restart: 'off' } }, 'off'],
    [{ inference: { restart: { initialMs: 5 } } }, { initialMs: 5, factor: 2, maxMs: 10_000 }],
  ])('accepts %j', (options, restart) => {
    expect(topologyFor(options).replicas[0]!.restart).toEqual(restart);
  });

  it.each([
    [{ gateway: { replicas: 0 } }, 'gateway.replicas'],
    [{ gateway: { port: 70_000 } }, 'gateway.port'],
    [{ gateway: { balancer: 'random' } }, 'gateway.balancer'],
    [{ gateway: { upstreams: [] } }, 'upstreams'],
    [{ inference: { profile: 'gpt-7' } }, 'inference.profile'],
    [{ inference: { replicas: 1.5 } }, 'inference.replicas'],
    [{ inference: { restart: 'on' } }, 'inference.restart'],
    [{ control: { ttl: 1 } }, 'control'],
    [{ inferense: {} }, 'inferense'],
  ])('names the field that is wrong in %j', (options, field) => {
    const issues = stackOptionsSchema.safeParse(options).error?.issues ?? [];
    const named = issues.flatMap(issue => [issue.path.join('.'), ...('keys' in issue ? issue.keys : [])]);
    expect(named).toContain(field);
  });

  it('finds options that contradict each other before anything starts', () => {
    expect(() => topologyFor({ inference: { kvCapacityTokens: 1 } })).toThrow(/kvCapacityTokens/);
  });

  describe('with a control service', () => {
    const topology = topologyFor({ control: {}, inference: { replicas: 2 } }, 20, 'sk-test');
    const everywhere = {
      listen: '127.0.0.1:1000',
      links: Object.fromEntries(linkNames(topology).map((name, index) => [name, `127.0.0.1:${2000 + index}`])),
    };
    const environmentOf = (name: string) =>
      topology.replicas.find(replica => replica.name === name)!.environment(everywhere);

    it('adds it, and a link to it for each kind of client', () => {
      expect(replicaNames(topology)).toEqual(['control', 'inference-1', 'inference-2', 'gateway-1']);
      expect(linkNames(topology).slice(-2)).toEqual(['gateway→control', 'inference→control']);
      expect(parseControlConfig(environmentOf('control').CONTROL_CONFIG).deployments).toMatchObject([
        { name: 'inference', replicas: 2 },
      ]);
    });

    it('has replicas register the address of their link, and gateways ask instead of being told', () => {
      const { registration } = parseInferenceConfig(environmentOf('inference-2').INFERENCE_CONFIG);
      expect(registration).toMatchObject({
        url: `http://${everywhere.links['inference→control']}`,
        advertise: everywhere.links['gateway→inference-2'],
        ttlMs: 3000,
      });
      const { discovery, upstreams } = parseGatewayConfig(environmentOf('gateway-1').GATEWAY_CONFIG);
      expect(upstreams).toEqual([]);
      expect(discovery).toMatchObject({ url: `http://${everywhere.links['gateway→control']}`, keepLastGood: true });
    });

    it('starts it first, then the replicas, then the gateways', () => {
      const tiers = startTiers(topology).map(tier => tier.map(({ name }) => name));
      expect(tiers).toEqual([['control'], ['inference-1', 'inference-2'], ['gateway-1']]);
      expect(startTiers(topologyFor({})).map(tier => tier.length)).toEqual([3, 1]);
    });

    it('finds replicas that wait for each other', () => {
      const [one, two] = topology.replicas as [ReplicaPlan, ReplicaPlan];
      const links = [one, two].map(({ name }) => ({ name: `→${name}`, to: name, port: 0, isEntry: false }));
      const replicas = [
        { ...one, uses: [`→${two.name}`] },
        { ...two, uses: [`→${one.name}`] },
      ];
      expect(() => startTiers({ ...topology, replicas, links })).toThrow('control, inference-1');
    });
  });
});
