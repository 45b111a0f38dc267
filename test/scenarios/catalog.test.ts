import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { RunPlan } from '../../harness/plan.ts';
import { requirementOf } from '../../reports/render/cells.ts';
import { compileScenario } from '../../scenarios/compile.ts';
import { catalogNames, findScenario } from '../../scenarios/find.ts';
import { override, parseOverrides } from '../../scenarios/override.ts';
import { requirements, withTexts } from '../../scenarios/requirements.ts';
import type { ResolvedScenario } from '../../scenarios/scenario.ts';
import { findSuite } from '../../scenarios/suite/find-suite.ts';
import { SUITE_PLATFORMS } from '../../scenarios/suite/suite.ts';
import { validateScenario } from '../../scenarios/validate.ts';
import { plan as renderedPlan } from '../reports/render/html/fixture.ts';
import { EXPLORED, REFUSED } from './virtual-catalog.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

function compiled(raw: unknown, name: string, platform: RunPlan['platform'] = 'process') {
  const scenario = validateScenario(raw, name);
  return { scenario, ...compileScenario(scenario, { seed: 1, platform, replay: '', folder: ROOT }) };
}

const CATALOG = await Promise.all(
  catalogNames().map(async name => ({ name, raw: (await findScenario(name)).raw as ResolvedScenario })),
);
const PROOFS = CATALOG.flatMap(({ name, raw }) => (raw.proof ?? []).map(proof => ({ name, raw, proof })));

describe('the catalogue', () => {
  it.each(CATALOG)('compiles, on both platforms, and is named as its file: $name', ({ name, raw }) => {
    for (const platform of ['process', 'docker'] as const)
      expect(compiled(raw, name, platform).plan).toMatchObject({ scenario: name });
    expect(compiled(raw, name).plan, 'every SLO has enough requests').not.toHaveProperty('warnings');
    if (!EXPLORED.includes(name)) expect(raw.proof, 'an SLO without a proof is decoration').not.toEqual([]);
  });

  it.each(CATALOG)('runs in virtual time with all its proofs, or is refused by name: $name', ({ name, raw }) => {
    const variants = [raw, ...(raw.proof ?? []).map(({ set }) => override(raw, set))];
    for (const variant of variants) {
      const compile = () => compiled(variant, name, 'virtual');
      if (REFUSED[name]) expect(compile).toThrow(REFUSED[name]);
      else expect(compile().plan).toMatchObject({ scenario: name, platform: 'virtual' });
    }
  });

  // A path that leads nowhere is refused as an unknown key, and one that changes nothing takes no safeguard away.
  it.each(PROOFS)(
    'has a proof that compiles, and is another plan: $name without $proof.without',
    ({ name, raw, proof }) => {
      const { plan } = compiled(override(raw, proof.set), name);
      expect(plan).not.toEqual(compiled(raw, name).plan);
      expect(plan.slos.map(slo => slo.name)).toEqual(expect.arrayContaining([proof.breaks].flat()));
    },
  );

  it('refuses a proof whose path does not exist', () => {
    const wrong = override(CATALOG[0]!.raw, { 'stack.gateway.ejections': 'off' });
    expect(() => compiled(wrong, 'x')).toThrow(/unknown key `stack\.gateway\.ejections`; did you mean "ejection"/);
  });
});

// The paths that README and the documents name must lead to something in the scenario beside them.
it.each(
  ['README.md', 'CONTRIBUTING.md', 'docs/containers.md'].flatMap(file =>
    [...read(file).matchAll(/squall (?:run|up|prove) ([a-z][\w-]+) .*?--set ([\w.-]+=[\w./:-]+)/g)].map(
      ([, name, set]) => ({ file, name: name!, set: set! }),
    ),
  ),
)('$file names a path that exists: $name --set $set', async ({ name, set }) => {
  const { raw } = await findScenario(name);
  expect(compiled(override(raw, parseOverrides([set])), name).plan).not.toEqual(compiled(raw, name).plan);
});

/** What of a scenario makes its SLOs judge a requirement. Who claims one more adds here why. */
const EVIDENCE: Readonly<Record<string, (claim: Claim) => boolean>> = {
  'A1.1': ({ takesAway }) => takesAway(/^faults\.\w+\.kind$/),
  'A1.4': ({ takesAway }) => takesAway(/^stack\.edge\.maxUserAgentBytes$/),
  'A2.1': ({ takesAway, hasFault }) =>
    takesAway(/^stack\.gateway\.identity\./) || (takesAway(/^stack\.redis$/) && hasFault(/^key-revoked$/, /^gateway/)),
  'A2.2': ({ takesAway }) => takesAway(/^stack\.gateway\.limits\./),
  'A2.3': ({ takesAway }) => takesAway(/^stack\.gateway\.(admission|batch)(\.|$)/),
  'A2.4': ({ takesAway }) => takesAway(/^stack\.gateway\.breaker$/),
  'A2.5': ({ takesAway }) => takesAway(/^stack\.gateway\.retries$/),
  'A2.7': ({ takesAway }) => takesAway(/^stack\.gateway\.(cache\.|merge$)/),
  'A2.8': ({ takesAway }) => takesAway(/^stack\.gateway\.merge$/),
  'A2.6': ({ takesAway }) => takesAway(/^stack\.gateway\.bulkhead$/),
  'A2.9': ({ takesAway }) => takesAway(/^stack\.gateway\.(?:ejection|balancer|zombies)$/),
  'A2.10': ({ takesAway }) => takesAway(/^stack\.control\./),
  'A2.11': ({ takesAway }) => takesAway(/^stack\.gateway\.guard\./),
  'A3.8': ({ takesAway }) => takesAway(/^stack\.preprocess\./),
  C8: ({ takesAway }) => takesAway(/^stack\.preprocess\./),
  'A2.17': ({ takesAway }) => takesAway(/^stack\.gateway\.accounting\./),
  'A2.14': ({ takesAway, hasFault }) =>
    takesAway(/^stack\.gateway\.release\.rollback$/) && hasFault(/^canary$/, /^gateway/),
  'A2.16': ({ takesAway }) => takesAway(/^stack\.gateway\.connections\./),
  // What comes back has to load its model first.
  'A3.4': ({ plan, hasFault }) =>
    hasFault(/^kill$/, /^inference/) && plan.slos.some(slo => /^recovery\(/.test(slo.objective)),
  'A4.1': ({ takesAway }) => takesAway(/^stack\.(autoscaler(\.|$)|inference\.drain$)/),
  'A4.2': ({ takesAway }) => takesAway(/^stack\.capacity\./),
  'A4.3': ({ takesAway }) => takesAway(/^stack\.autoscaler\.policy\./),
  'A6.1': ({ takesAway }) => takesAway(/^stack\.inference\.restart$/),
  B3: ({ plan }) => plan.load.arrivals !== 'poisson' || plan.load.clients?.retry != null,
  B4: ({ plan, hasFault }) => hasFault(/^(slow|low|long)-/, /^client→/) || (plan.load.clients?.classes.length ?? 0) > 1,
  B5: ({ hasFault }) => hasFault(/^(latency|zone-partition)$/, /./),
  B6: ({ hasFault }) => hasFault(/^(kill|pause)$/, /^inference/),
  B7: ({ hasFault }) => hasFault(/^engine-failure$/, /^inference/),
  B8: ({ hasFault }) => hasFault(/^kill$/, /^(redis|control)$/),
  B9: ({ plan }) => plan.slos.some(slo => /^scaling\(/.test(slo.objective)),
  B13: ({ hasChaos }) => hasChaos,
  C2: ({ plan }) => plan.slos.some(slo => /^scaling\(step\)\.restored <= 120 s$/.test(slo.objective)),
  C3: ({ plan }) => plan.slos.some(slo => slo.objective === 'p99(latency) <= 650 ms') && /Scaled 1\/\d+/.test(plan.why),
  C5: ({ takesAway }) => takesAway(/^stack\.gateway\.limits\.perKey$/),
  C6: ({ hasFault }) => hasFault(/^low-and-slow$/, /./),
  C7: ({ takesAway }) => takesAway(/^stack\.gateway\.guard\.compute$/),
  C10: ({ takesAway, hasFault }) =>
    takesAway(/^stack\.gateway\.breaker$/) && hasFault(/^engine-failure$/, /^inference/),
  C11: ({ takesAway }) => takesAway(/^stack\.gateway\.admission\.keys$/),
  C13: ({ plan }) => ['<= 80%', '>= 65%'].every(limit => plan.slos.some(slo => slo.objective === `mean(gpu) ${limit}`)),
  C14: ({ plan }) => plan.slos.some(slo => slo.objective === 'hits(response-cache) >= 95%'),
  C16: ({ takesAway }) => takesAway(/^load\.clients\.retry$/),
};

interface Claim {
  readonly plan: RunPlan;
  /** Whether a proof changes such a path. */
  takesAway(path: RegExp): boolean;
  hasFault(kind: RegExp, target: RegExp): boolean;
  readonly hasChaos: boolean;
}

describe('the requirements that a scenario covers', () => {
  const claims = CATALOG.flatMap(({ name, raw }) => raw.covers.map(entry => ({ name, raw, ...requirementOf(entry) })));

  it.each(claims)('are judged by it: $name and $id', ({ name, raw, id, text }) => {
    const { plan, scenario } = compiled(raw, name);
    const paths = scenario.proof.flatMap(({ set }) => Object.keys(set));
    const claim: Claim = {
      plan,
      takesAway: path => paths.some(each => path.test(each)),
      hasChaos: scenario.chaos !== undefined,
      hasFault: (kind, target) => plan.faults.some(fault => kind.test(fault.kind) && target.test(fault.target)),
    };
    expect(EVIDENCE[id]?.(claim), `nothing in ${name} judges ${id}`).toBe(true);
    expect(text).toBe(requirements().get(id));
  });

  it('lead to docs/requirements.md, in fixtures too, unless they say that they are somebody else’s own', () => {
    expect([...requirements().keys()].filter(id => id.startsWith('C'))).toHaveLength(19);
    for (const { id } of renderedPlan.covers.map(requirementOf).filter(row => !row.id.startsWith('OWN-')))
      expect(requirements().has(id), id).toBe(true);
  });

  it('are refused in the catalogue where there is no such row, with the nearest', () => {
    expect(() => withTexts(['A2.9', 'A2.99'])).toThrow(
      /Expected `covers\[1\]` to be an id of docs\/requirements\.md, got "A2\.99"; did you mean "A2\.9"\?/,
    );
  });
});

it.each(SUITE_PLATFORMS)('the nightly workflow proves every scenario of the catalogue on %s', async platform => {
  const { prove } = parse(read('.github/workflows/nightly.yml')).jobs;
  const steps: { uses?: string; with?: Record<string, unknown> }[] = prove.steps;
  expect(prove.strategy.matrix.platform).toContain(platform);
  const proving = steps.filter(({ uses }) => uses === './');
  expect(proving.map(step => step.with)).toMatchObject([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as the workflow has it
    { suite: 'nightly', platform: '${{ matrix.platform }}', 'fail-on-missing': true },
  ]);
  const { suite, scenarios } = await findSuite('nightly');
  expect({ ...suite, scenarios }).toMatchObject({ prove: 'once', scenarios: catalogNames() });
  expect(suite.platforms).toContain(platform);
});
