import { expect, test, vi } from 'vitest';
import { loadScenario } from '../../../scenarios/load-scenario.ts';
import { apiBaseOf } from '../../../scenarios/target/base-url.ts';

const TARGET = {
  url: 'http://127.0.0.1:8000',
  addresses: ['127.0.0.1'],
  port: 8000,
  iOwnThisTarget: false,
  authorization: 'Bearer sk-target',
  base: apiBaseOf(new URL('http://127.0.0.1:8000')),
};
const SLOS = [
  { name: 'queue', objective: 'max(queue) <= 10' },
  { name: 'cache', objective: 'hits(prefix-cache) <= 10%' },
  { name: 'memory', objective: 'growth(memory) <= 10%' },
];

function load(changes: object, options: object = {}) {
  const raw = { name: 'mine', why: 'x', load: { stages: [{ at: '5/s', for: '5s' }] }, slos: SLOS, ...changes };
  const from = { raw, source: 'mine', folder: '.' };
  return loadScenario(from, { seed: 1, platform: 'external', external: TARGET, replay: 'x', ...options });
}

const scenarioOf = (target: object) => ({ target });

test('a target with metrics has gauges to judge; without, objectives on them are refused with the way out', async () => {
  const { compiled } = await load({}, { metrics: ['http://127.0.0.1:8000', 'http://localhost:9400/x?y=z'] });
  expect(compiled.plan.metrics).toEqual(['http://127.0.0.1:8000/metrics', 'http://localhost:9400/x?y=z']);
  const refusal = { code: 'NOT_EXTERNAL', next: expect.stringContaining('--metrics') };
  await expect(load({})).rejects.toMatchObject(refusal);
});

test('the scenario names metrics, too, which options replace; a stack of its own has no use for them', async () => {
  const target = { metrics: 'http://127.0.0.1:8000/' };
  const own = await load(scenarioOf(target));
  expect(own.compiled.external?.metrics).toEqual([
    {
      name: '127.0.0.1:8000',
      url: 'http://127.0.0.1:8000/metrics',
      via: ['127.0.0.1:8000'],
      authorization: 'Bearer sk-target',
    },
  ]);
  const replaced = await load(scenarioOf(target), { metrics: ['http://127.0.0.1:9'] });
  expect(replaced.compiled.plan.metrics).toEqual(['http://127.0.0.1:9/metrics']);
  const stack = await load(scenarioOf(target), { platform: 'process', external: undefined });
  expect(stack.compiled.plan).not.toHaveProperty('metrics');
  await expect(load({}, { platform: 'process', external: undefined, metrics: ['http://x'] })).rejects.toMatchObject({
    code: 'NO_TARGET',
  });
});

test('only a URL of the target’s own origin gets its key; others get the one that is named, from the environment', async () => {
  const urls = ['http://127.0.0.1:8000/metrics', 'http://127.0.0.1:9400'];
  const keys = async (options: object) =>
    (await load({}, { metrics: urls, ...options })).compiled.external?.metrics?.map(one => one.authorization);
  expect(await keys({})).toEqual(['Bearer sk-target', '']);
  vi.stubEnv('METRICS_TOKEN', 'sk-metrics');
  expect(await keys({ metricsAuthorization: 'env:METRICS_TOKEN' })).toEqual(['Bearer sk-metrics', 'Bearer sk-metrics']);
  expect(await keys({ metricsAuthorization: 'Basic env:METRICS_TOKEN' })).toContain('Basic sk-metrics');
  const { compiled } = await load({}, { metrics: urls, metricsAuthorization: 'env:METRICS_TOKEN' });
  expect(JSON.stringify(compiled.plan)).not.toMatch(/sk-/);
  vi.unstubAllEnvs();
});

test.each([
  [{ metrics: ['ftp://127.0.0.1'] }, 'BAD_METRICS', /--metrics.*ftp/],
  [{ metrics: ['127.0.0.1:8000'] }, 'BAD_METRICS', /--metrics/],
  [{ metrics: ['http://me:hush@127.0.0.1'] }, 'BAD_METRICS', /without a user and password(?!.*hush)/],
  [{ metrics: ['http://192.0.2.7:9400'] }, 'TARGET_NOT_LOCAL', /192\.0\.2\.7/],
  [{ metrics: ['http://127.0.0.1'], metricsAuthorization: 'sk-metrics' }, 'BAD_AUTHORIZATION', /env:NAME(?!.*sk-)/],
  [
    { metrics: ['http://127.0.0.1'], metricsAuthorization: 'env:NOT_SET' },
    'BAD_AUTHORIZATION',
    /NOT_SET, which is not/,
  ],
])('refuses %j', async (options, code, message) => {
  const failure = load({}, options);
  await expect(failure).rejects.toMatchObject({ code });
  await expect(failure).rejects.toThrow(message);
});

test('metrics on another machine need the confirmation that it is the user’s', async () => {
  const options = { external: { ...TARGET, iOwnThisTarget: true }, metrics: ['http://192.0.2.7:9400'] };
  expect((await load({}, options)).compiled.external?.metrics?.[0]).toMatchObject({ via: ['192.0.2.7:9400'] });
});
