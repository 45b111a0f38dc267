import { describe, expect, it } from 'vitest';
import { compileScenario } from '../../../scenarios/compile.ts';
import { apiBaseOf } from '../../../scenarios/target/base-url.ts';
import { validateScenario } from '../../../scenarios/validate.ts';

const external = {
  url: 'https://llm.invalid/team',
  address: '127.0.0.1',
  addresses: ['127.0.0.1'],
  port: 443,
  iOwnThisTarget: false,
  authorization: 'Bearer sk-secret',
  base: apiBaseOf(new URL('https://llm.invalid/team')),
};
const SLO = { name: 'a', objective: 'errors <= 1%' };
const compile = (changes: object) => {
  const raw = { name: 'mine', why: 'x', load: { stages: [{ at: '5/s', for: '5s' }] }, slos: [SLO], ...changes };
  const options = { seed: 1, platform: 'external', external, replay: 'x' } as const;
  return compileScenario(validateScenario(raw, 'mine'), options);
};
const slow = (on: string) => ({ faults: [{ kind: 'latency', on, at: '1s', for: '1s', latency: '100ms' }] });

describe('a scenario around a target', () => {
  it.each(['client→target', 'client→gateway-1', 'client->gateway-2', 'client -> anything'])(
    'takes a fault on %s as one on the link to the target',
    on => {
      expect(compile(slow(on)).plan.faults).toMatchObject([{ target: 'client→target' }]);
    },
  );

  it.each([
    [slow('gateway→inference-1'), 'faults[0].on', /inside the stack/],
    [{ faults: [{ kind: 'kill', on: 'inference-1', at: '1s' }] }, 'faults[0].on', /replica/],
    [{ slos: [SLO, { name: 'b', objective: 'max(queue) <= 10' }] }, 'slos[1].objective', /gauges/],
    [{ slos: [{ name: 'b', objective: 'growth(memory) <= 10%' }] }, 'slos[0].objective', /gauges/],
  ])('refuses %j, which it could not carry out, naming field and way out', (changes, field, why) => {
    const refusal = { code: 'NOT_EXTERNAL', next: expect.stringMatching(/--target/) };
    expect(() => compile(changes)).toThrow(expect.objectContaining(refusal));
    expect(() => compile(changes)).toThrow(field);
    expect(() => compile(changes)).toThrow(why);
  });

  const driven = (load: object, url: string) => {
    const raw = { name: 'mine', why: 'x', load: { stages: [{ at: '5/s', for: '5s' }], ...load }, slos: [SLO] };
    const options = { seed: 1, platform: 'external', external: { ...external, url }, replay: 'x' } as const;
    return compileScenario(validateScenario(raw, 'mine'), options).plan.load.engine;
  };
  const K6 = { engine: 'k6', arrivals: 'constant' };
  const PROBE = { engine: 'autocannon', connections: 2, stages: [{ for: '5s' }] };

  it.each([
    ['https://llm.invalid/team', K6],
    ['https://192.0.2.7', K6],
    ['http://[2001:db8::1]:8000', K6],
    ['http://[2001:db8::1]:8000', PROBE],
  ])('lets %s be driven by %j', (url, load) => {
    expect(driven(load, url)).toBe(load.engine);
  });

  it.each(['https://[2001:db8::1]', 'https://my_server'])(
    'refuses %s with k6, which cannot ask there for a certificate',
    url => {
      expect(() => driven(K6, url)).toThrow(/`load.engine`.*`stream` for an https --target/);
    },
  );

  it('refuses https with autocannon, which would trust any certificate', () => {
    expect(() => driven(PROBE, 'https://llm.invalid')).toThrow(/`load.engine`.*`stream` for an https --target/);
  });

  it('plans nothing of a stack, names the target, and keeps the secret out of the plan', () => {
    const { plan, topology } = compile({
      stack: { timeScale: 60 },
      load: { stages: [{ at: '5/s', for: '5s' }], model: 'm' },
    });
    expect(plan).toMatchObject({ platform: 'external', target: external.url, timeScale: 1, stack: {} });
    expect(plan.load.workload.model).toBe('m');
    expect(topology).toMatchObject({ replicas: [], links: [{ name: 'client→target' }] });
    expect(JSON.stringify(plan)).not.toContain('sk-secret');
  });
});
