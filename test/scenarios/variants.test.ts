import { describe, expect, it } from 'vitest';
import { messageOf, type SquallError } from '../../harness/errors.ts';
import type { FoundScenario } from '../../scenarios/find.ts';
import { type LoadOptions, loadScenario } from '../../scenarios/load-scenario.ts';
import { requireSameLoad } from '../../scenarios/variants/run-variants.ts';
import { variantsOf } from '../../scenarios/variants/select.ts';

const RAW = {
  name: 'mine',
  why: 'Mine.',
  load: { stages: [{ at: '40/s', for: '15s' }], workload: 'chat-short' },
  slos: [{ name: 'error rate', objective: 'errors <= 3%' }],
};
const withVariants = (variants: unknown, more: object = {}) => ({ ...RAW, variants, ...more });
const load = (raw: object, options: Partial<LoadOptions> = {}) => {
  const found: FoundScenario = { raw, source: 'mine.yaml', folder: '/tmp' };
  return loadScenario(found, { seed: 1, platform: 'virtual', replay: 'npx squall run mine.yaml', ...options });
};
const failure = (raw: object, options: Partial<LoadOptions> = {}) =>
  load(raw, options).then(
    () => undefined,
    (error: SquallError) => error,
  );
const TWO = { two: { 'stack.inference.replicas': 2 }, five: { expect: 'fail', 'stack.inference.replicas': 5 } };

describe('variants of a scenario', () => {
  it('are its overrides, in its order', () => {
    expect(variantsOf(withVariants(TWO))).toEqual([
      { name: 'two', set: { 'stack.inference.replicas': 2 }, expect: 'pass' },
      { name: 'five', set: { 'stack.inference.replicas': 5 }, expect: 'fail' },
    ]);
    expect(variantsOf(RAW)).toEqual([]);
  });

  it('apply by name, the first without one; an override on the command line comes after', async () => {
    const replicas = async (options: Partial<LoadOptions>) =>
      (await load(withVariants(TWO), options)).scenario.stack.inference.replicas;
    expect(await replicas({})).toBe(2);
    expect(await replicas({ variant: 'five' })).toBe(5);
    expect(await replicas({ variant: 'five', changes: { 'stack.inference.replicas': 7 } })).toBe(7);
  });

  it('are named in the command that repeats a run, whose scenario is that of the variant alone', async () => {
    const { compiled, variant } = await load(withVariants(TWO, { seeds: 3 }), { variant: 'five' });
    expect(variant).toBe('five');
    expect(compiled.plan.replay).toContain('npx squall run mine.yaml --variant five');
    expect(compiled.plan.source).toContain('replicas: 5');
    expect(compiled.plan.source).not.toMatch(/variants|seeds/);
    expect((await load(RAW)).compiled.plan.replay).not.toContain('--variant');
  });

  it.each<[string, unknown, RegExp, RegExp]>([
    ['an unknown key', { x: { 'stack.gateway.balancr': 'x' } }, /balancr/, /variants\.x\.stack\.gateway\.balancr/],
    ['a value out of range', { x: { 'stack.inference.replicas': -1 } }, /replicas/, /variants\.x\.stack\.inference/],
    ['a path through a value', { x: { 'why.not': 1 } }, /variants\.x.*why\.not/, /variants\.x/],
    [
      'a missing file',
      { x: { 'stack.control': {}, 'stack.autoscaler': { hpa: './no.yaml' } } },
      /no\.yaml/,
      /variants\.x/,
    ],
    ['a name with a space', { 'x y': {} }, /lower-case letters, digits and dashes/, /./],
    ['an expectation that does not exist', { x: { expect: 'invalid' } }, /variants\.x\.expect/, /./],
    ['something else than overrides', { x: 7 }, /variants\.x/, /./],
    ['a list', ['x'], /variants/, /./],
    ['none', {}, /1 to 20 variants/, /./],
    ['variants of variants', { x: { seeds: 3 } }, /variants\.x.*seeds/, /./],
  ])('have their mistakes named: %s', async (_, variants, message, next) => {
    const error = await failure(withVariants(variants), {});
    expect(messageOf(error)).toMatch(message);
    expect(error?.next).toMatch(next);
  });

  it('must exist, and seeds are for them', async () => {
    const error = await failure(withVariants(TWO), { variant: 'fife' });
    expect(messageOf(error)).toBe(
      'Expected --variant to be a variant of mine.yaml (two, five), got "fife"; did you mean "five"?',
    );
    expect(messageOf(await failure(RAW, { variant: 'x' }))).toMatch(/it has none/);
    expect(messageOf(await failure({ ...RAW, seeds: 3 }))).toMatch(/`seeds`/);
  });

  it('keep load and SLOs', async () => {
    const plansOf = async (changed: object) => {
      const raw = withVariants({ one: {}, other: changed });
      const of = async (variant: string) => (await load(raw, { variant })).compiled.plan;
      return new Map([
        ['one', await of('one')],
        ['other', await of('other')],
      ]);
    };
    const check = async (changed: object) => requireSameLoad(await plansOf(changed));
    await check({
      'stack.inference.replicas': 9,
      'load.maxInFlight': 5,
      'load.clients.retry': { kind: 'naive', maxRetries: 2 },
    }).catch(error => expect.unreachable(messageOf(error)));
    await expect(check({ 'load.stages.0.at': '41/s' })).rejects.toThrow(/variants\.other.*`load`/);
    await expect(check({ 'load.arrivals': 'constant' })).rejects.toThrow(/`load`/);
    await expect(check({ 'slos.error rate.objective': 'errors <= 4%' })).rejects.toThrow(/variants\.other.*`slos`/);
  });
});
