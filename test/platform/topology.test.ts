import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startTiers } from '../../platform/tiers.ts';
import { parseControlConfig } from '../../stack/control/config.ts';
import { parseGatewayConfig } from '../../stack/gateway/config.ts';
import { parseInferenceConfig } from '../../stack/inference/config.ts';
import { settleOptions, stackOptionsSchema } from '../../stack/options.ts';
import type { Addresses, ReplicaPlan } from '../../stack/replica-plan.ts';
import { type LinkPlan, linkNames, replicaNames, topologyOf } from '../../stack/topology.ts';
import { FRESH } from '../fresh.ts';
import { settled } from '../stack/settled.ts';

const topologyFor = (options: unknown, timeScale = 20, apiKey?: string) =>
  topologyOf(settled(options), timeScale, 7, { ...FRESH, ...(apiKey && { apiKey }) });
const addresses: Addresses = {
  listen: '127.0.0.1:1000',
  listeners: {},
  directory: '/runs/a/x',
  token: 'token-of-the-run',
  isInImage: false,
  links: Object.fromEntries([1, 2, 3].map(n => [`gateway→inference-${n}`, `127.0.0.1:200${n}`])),
};

/** Whatever a topology's links and listeners may be, each has an address. */
const anyAddresses = (topology: { links: readonly { name: string }[] }): Addresses => ({
  ...addresses,
  listeners: { status: '127.0.0.1:1001' },
  links: Object.fromEntries(topology.links.map(({ name }, index) => [name, `127.0.0.1:${2000 + index}`])),
});

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
    for (const { run } of topology.replicas) expect(run.kind === 'node' && existsSync(run.program)).toBe(true);
  });

  it('gives each gateway an entry of its own and lets them share the links to the replicas', () => {
    const topology = topologyFor({ gateway: { replicas: 2, port: 8080 }, inference: { replicas: 1 } });
    expect(topology.links).toEqual([
      { name: 'client→gateway-1', to: 'gateway-1', port: 8080, usedBy: 'clients' },
      { name: 'client→gateway-2', to: 'gateway-2', port: 0, usedBy: 'clients' },
      { name: 'gateway→inference-1', to: 'inference-1', port: 0, usedBy: 'services' },
    ]);
    expect(topology.replicas.map(({ uses }) => uses)).toEqual([[], ['gateway→inference-1'], ['gateway→inference-1']]);
  });

  it('passes the gateway the links and the hash of the key, never a replica or the key', () => {
    const topology = topologyFor({ gateway: { balancer: 'round-robin', ejection: 'off', retries: 0 } }, 20, 'sk-test');
    const { LISTEN, GATEWAY_CONFIG } = topology.replicas.at(-1)!.environment(addresses);
    expect(LISTEN).toBe('127.0.0.1:1000');
    const config = parseGatewayConfig(GATEWAY_CONFIG);
    expect(config).toMatchObject({
      name: 'gateway-1',
      balancer: 'round-robin',
      ejection: 'off',
      retries: { maxRetries: 0 },
    });
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

  it('passes each replica its name, and serves the model that the gateway lists', () => {
    const topology = topologyFor({ inference: { profile: 'qwen3-8b-bf16-h100', maxBatch: 16 } }, 60);
    const replica = topology.replicas[1]!;
    const config = parseInferenceConfig(replica.environment(addresses).INFERENCE_CONFIG);
    expect(config).toMatchObject({ name: 'inference-2', maxBatch: 16, timeScale: 60, seed: 7 });
    const gateway = parseGatewayConfig(topology.replicas.at(-1)!.environment(addresses).GATEWAY_CONFIG);
    expect(gateway.models).toEqual([config.model]);
    // The profile loads for 120 s.
    expect(replica.coldStartMs).toBe(2000);
    expect(replica.restart).toEqual({ baseDelayMs: 200, factor: 2, maxDelayMs: 10_000 });
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
    [{ inference: { restart: { baseDelayMs: 5 } } }, { baseDelayMs: 5, factor: 2, maxDelayMs: 10_000 }],
  ])('accepts %j', (options, restart) => {
    expect(topologyFor(options).replicas[0]!.restart).toEqual(restart);
  });

  it('puts a Redis behind a link of its own, and passes the gateways the shared limits', () => {
    const limits = { perKey: { perMinute: 60 }, redisTimeoutMs: 30 };
    const options = { gateway: { replicas: 2, limits }, inference: { replicas: 1 }, redis: { maxMemoryMb: 64 } };
    const topology = topologyFor(options, 20, 'sk-test');
    expect(linkNames(topology).slice(2)).toEqual(['gateway→inference-1', 'gateway→redis', 'operator→redis']);
    const redis = topology.replicas.find(({ name }) => name === 'redis')!;
    expect(redis.run).toMatchObject({ kind: 'tool', tool: 'redis-server' });
    if (redis.ready.kind !== 'redis') throw new Error('expected a Redis probe');
    const links = { ...addresses.links, 'gateway→redis': '127.0.0.1:2009' };
    const gateway = topology.replicas.find(({ name }) => name === 'gateway-2')!;
    expect(gateway.uses).toEqual(['gateway→inference-1', 'gateway→redis']);
    const config = parseGatewayConfig(gateway.environment({ ...addresses, links }).GATEWAY_CONFIG);
    expect(config.limits).toMatchObject({
      redis: { url: `redis://squall:${redis.ready.password}@127.0.0.1:2009`, timeoutMs: 30 },
      replicas: 2,
      perKey: { perMinute: 60 },
      global: { perSecond: 200 },
      onOutage: 'local',
    });
  });

  it('leaves limits off by default, and to each gateway where there is no Redis', () => {
    const limitsOf = (options: object) => {
      const topology = topologyFor(options);
      const gateway = topology.replicas.find(({ service }) => service === 'gateway')!;
      return parseGatewayConfig(gateway.environment(anyAddresses(topology)).GATEWAY_CONFIG).limits;
    };
    expect(limitsOf({})).toBe('off');
    expect(limitsOf({ redis: {} })).toBe('off');
    const alone = limitsOf({ gateway: { replicas: 4, limits: {} } });
    expect(alone).toMatchObject({ replicas: 4, perKey: { perMinute: 1000 }, global: { perSecond: 200 } });
    expect(alone).not.toHaveProperty('redis');
  });

  it.each([
    ['auto', true, ['edge', 'prometheus', 'redis']],
    ['auto', false, []],
    ['off', true, []],
    [{}, false, ['edge', 'prometheus', 'redis']],
  ])('edge, prometheus and redis %j where their programs are there: %j', (part, isThere, names) => {
    const written = stackOptionsSchema.parse({ edge: part, prometheus: part, redis: part });
    const topology = topologyOf(
      settleOptions(written, () => isThere),
      20,
      7,
      FRESH,
    );
    const tools = topology.replicas.filter(({ run }) => run.kind === 'tool');
    expect(tools.map(({ name }) => name).sort()).toEqual(names);
  });

  it('lets clients enter only at the edge, over TLS if it has a certificate, and forwards them across links', async () => {
    const topology = topologyFor({ edge: { tls: {} }, gateway: { replicas: 2 } });
    const entries = topology.links.filter(({ usedBy }) => usedBy === 'clients');
    expect(entries.map(({ name }) => name)).toEqual(['client→edge']);
    const edge = topology.replicas.find(({ name }) => name === 'edge')!;
    const passed = { ...anyAddresses(topology), isInImage: true };
    const files = await edge.files!(passed);
    const text = Object.values(files).join('\n');
    for (const link of ['edge→gateway-1', 'edge→gateway-2']) expect(text).toContain(passed.links[link]!);
    expect(files['certificates/server.pem']).toContain('PRIVATE KEY');
    expect(topologyFor({ edge: {} }).entryAuthority).toBeUndefined();
  });

  it('has Prometheus scrape every service of ours across links of its own', async () => {
    const topology = topologyFor({ prometheus: {}, control: {}, inference: { replicas: 1 } });
    const prometheus = topology.replicas.find(({ name }) => name === 'prometheus')!;
    const passed = anyAddresses(topology);
    const { 'prometheus.yml': text } = (await prometheus.files!(passed)) as { 'prometheus.yml': string };
    expect(prometheus.uses).toEqual(['control', 'inference-1', 'gateway-1'].map(name => `prometheus→${name}`));
    for (const link of prometheus.uses) expect(text).toContain(passed.links[link]!);
  });

  it('spreads replicas over zones, with links that belong to one zone each', () => {
    const topology = topologyFor({ zones: 2, control: {}, gateway: { replicas: 2 }, inference: { replicas: 3 } });
    const zones = Object.fromEntries(topology.replicas.map(({ name, zone }) => [name, zone]));
    expect(zones).toEqual({
      control: 'zone-a',
      'inference-1': 'zone-a',
      'inference-2': 'zone-b',
      'inference-3': 'zone-a',
      'gateway-1': 'zone-a',
      'gateway-2': 'zone-b',
    });
    const passed = anyAddresses(topology);
    const environment = (name: string) => topology.replicas.find(r => r.name === name)!.environment(passed);
    const { registration } = parseInferenceConfig(environment('inference-2').INFERENCE_CONFIG);
    expect(registration).toMatchObject({
      url: `http://${passed.links['inference@zone-b→control']}`,
      advertiseByZone: {
        'zone-a': passed.links['gateway@zone-a→inference-2'],
        'zone-b': passed.links['gateway@zone-b→inference-2'],
      },
    });
    const { discovery } = parseGatewayConfig(environment('gateway-2').GATEWAY_CONFIG);
    expect(discovery).toMatchObject({ zone: 'zone-b', url: `http://${passed.links['gateway@zone-b→control']}` });
    expect(topology.links.find(({ name }) => name === 'gateway@zone-b→inference-1')).toMatchObject({
      fromZone: 'zone-b',
      to: 'inference-1',
    });
  });

  it('has standby replicas in addition to those that start', () => {
    const { replicas } = topologyFor({ control: {}, inference: { replicas: 1, maxReplicas: 3 } });
    const waiting = replicas.filter(({ isStandby }) => isStandby).map(({ name }) => name);
    expect(waiting).toEqual(['inference-2', 'inference-3']);
  });

  it.each([
    [{ gateway: { replicas: 0 } }, 'gateway.replicas'],
    [{ zones: 5 }, 'zones'],
    [{ inference: { replicas: 3, maxReplicas: 2 } }, 'inference.maxReplicas'],
    [{ edge: 'on' }, 'edge'],
    [{ redis: { maxMemory: 1 } }, 'redis'],
    [{ gateway: { limits: { redis: { url: 'redis://a' } } } }, 'gateway.limits'],
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
    const everywhere: Addresses = {
      ...addresses,
      links: Object.fromEntries(linkNames(topology).map((name, index) => [name, `127.0.0.1:${2000 + index}`])),
    };
    const environmentOf = (name: string) =>
      topology.replicas.find(replica => replica.name === name)!.environment(everywhere);

    it('adds it, and a link to it for each kind of client', () => {
      expect(replicaNames(topology)).toEqual(['control', 'inference-1', 'inference-2', 'gateway-1']);
      expect(linkNames(topology)).toEqual(
        expect.arrayContaining(['gateway→control', 'inference→control', 'operator→control']),
      );
      expect(parseControlConfig(environmentOf('control').CONTROL_CONFIG).deployments).toMatchObject([
        { name: 'inference', replicas: 2 },
      ]);
    });

    it('has replicas register the address of their link, and gateways discover it', () => {
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
      const links = [one, two].map(
        ({ name }): LinkPlan => ({ name: `→${name}`, to: name, port: 0, usedBy: 'services' }),
      );
      const replicas = [
        { ...one, uses: [`→${two.name}`] },
        { ...two, uses: [`→${one.name}`] },
      ];
      expect(() => startTiers({ ...topology, replicas, links })).toThrow('control, inference-1');
    });
  });
});
