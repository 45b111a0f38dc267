import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseGatewayConfig } from '../../../stack/gateway/config.ts';
import { parseInferenceConfig } from '../../../stack/inference/config.ts';
import { linkNames, replicaNames, settleOptions, stackOptionsSchema, topologyOf } from '../../../stack/topology.ts';

const topologyFor = (options: unknown, timeScale = 20, apiKey?: string) =>
  topologyOf(stackOptionsSchema.parse(options), timeScale, 7, apiKey);
const addresses = {
  listen: '127.0.0.1:1000',
  directory: '/nowhere',
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
    for (const { run } of topology.replicas) expect(run.kind === 'node' && existsSync(run.program)).toBe(true);
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

  it('puts Redis behind a link that all gateways share, and tells them the link and the password of the run', () => {
    const limits = { perKey: { perMinute: 60 }, redisTimeoutMs: 30 };
    const options = { gateway: { replicas: 2, limits }, inference: { replicas: 1 }, redis: { maxMemoryMb: 64 } };
    const topology = topologyFor(options, 20, 'sk-test');
    expect(linkNames(topology).slice(2)).toEqual(['gateway→inference-1', 'gateway→redis']);
    const redis = topology.replicas.find(({ name }) => name === 'redis-1')!;
    expect(redis.run).toMatchObject({ kind: 'tool', tool: 'redis-server' });
    if (redis.ready.kind !== 'redis') throw new Error('expected a Redis probe');
    expect(redis.files!(addresses)['redis.conf']).toContain('maxmemory 64mb');
    const links = { ...addresses.links, 'gateway→redis': '127.0.0.1:2009' };
    const gateway = topology.replicas.at(-1)!;
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
    const limitsOf = (options: object) =>
      parseGatewayConfig(topologyFor(options).replicas.at(-1)!.environment(addresses).GATEWAY_CONFIG).limits;
    expect(limitsOf({})).toBe('off');
    expect(limitsOf({ redis: {} })).toBe('off');
    const alone = limitsOf({ gateway: { replicas: 4, limits: {} } });
    expect(alone).toMatchObject({ replicas: 4, perKey: { perMinute: 1000 }, global: { perSecond: 200 } });
    expect(alone).not.toHaveProperty('redis');
  });

  it.each([
    ['auto', true, ['redis-1']],
    ['auto', false, []],
    ['off', true, []],
    [{}, false, ['redis-1']],
  ])('redis %j where redis-server is there: %j', (redis, isThere, names) => {
    const options = settleOptions(stackOptionsSchema.parse({ redis }), () => isThere);
    const topology = topologyOf(options, 20, 7);
    expect(replicaNames(topology).filter(name => name.startsWith('redis'))).toEqual(names);
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
    [{ redis: 'on' }, 'redis'],
    [{ redis: { maxMemory: 1 } }, 'redis'],
    [{ gateway: { limits: { redis: { url: 'redis://a' } } } }, 'gateway.limits'],
    [{ inferense: {} }, 'inferense'],
  ])('names the field that is wrong in %j', (options, field) => {
    const issues = stackOptionsSchema.safeParse(options).error?.issues ?? [];
    const named = issues.flatMap(issue => [issue.path.join('.'), ...('keys' in issue ? issue.keys : [])]);
    expect(named).toContain(field);
  });

  it('finds options that contradict each other before anything starts', () => {
    expect(() => topologyFor({ inference: { kvCapacityTokens: 1 } })).toThrow(/kvCapacityTokens/);
  });
});
