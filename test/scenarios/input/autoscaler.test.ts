import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { PlatformKind } from '../../../harness/plan.ts';
import { startTiers } from '../../../platform/tiers.ts';
import { loadScenario } from '../../../scenarios/load-scenario.ts';
import { parseAutoscalerConfig } from '../../../stack/autoscaler/config.ts';
import { parseControlConfig } from '../../../stack/control/config.ts';

const FIXTURES = join(import.meta.dirname, '../../e2e/fixtures');
const HPA = readFileSync(join(FIXTURES, 'inference-hpa.yaml'), 'utf8');
const CPU = HPA.replace(
  /- type: Pods[\s\S]*?averageValue: "5" }/,
  '- type: Resource\n      resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }',
);

const folder = mkdtempSync(join(tmpdir(), 'squall-hpa-'));
beforeAll(() => {
  const files = {
    'hpa.yaml': HPA,
    'cpu.yaml': CPU,
    'two.yaml': `${HPA}---\n${HPA}`,
    'none-of-two.yaml': 'kind: Service\n---\nkind: Secret\n',
    'second.yaml': 'kind: Service\n---\na: 1\na: 2\n',
    'directive.yaml': `%YAML 1.2\n---\n${HPA}`,
    'marked.yaml': `---\n# one\n${HPA}---\n`,
    'release.yaml': `kind: Service\n---\n${HPA}---\nkind: Secret\n`,
    'list.yaml': JSON.stringify({ kind: 'List', items: [null, parse(HPA)] }),
    'broken.yaml': 'a: [',
    'keys.yaml': `${HPA}kind: X\n`,
    'empty.yaml': '',
    'mine.ts': "export default { metrics: { queue: 'q' }, decide: () => ({ replicas: 4, reason: 'x' }) };",
    'imports.ts': "import { a } from './a.ts';\nexport default a;",
    'no-policy.ts': 'export const a = 1;',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function loaded(autoscaler: unknown, stack: object = {}, platform: PlatformKind = 'process') {
  const raw = {
    ...{ name: 'scaled', why: 'A test.', stack: { control: {}, autoscaler, ...stack } },
    load: { stages: [{ at: '5/s', for: '2s' }] },
    slos: [{ name: 'errors', objective: 'errors <= 1%' }],
  };
  const found = { source: 'a program', raw: raw as never, folder };
  return (await loadScenario(found, { seed: 1, platform, replay: 'x' })).compiled;
}

const refusal = async (...args: Parameters<typeof loaded>) => {
  const error = await loaded(...args).then(
    () => undefined,
    (thrown: unknown) => thrown as { code: string; message: string; next: string },
  );
  return `${error?.code} ${error?.message} ${error?.next}`;
};

describe('the autoscaler of a scenario', () => {
  it('is that of a file, whose maximum is how many replicas there may be', async () => {
    const { topology, plan } = await loaded({ hpa: 'hpa.yaml', syncPeriod: '30s' }, { timeScale: 20 });
    const addresses = {
      ...{ listen: '127.0.0.1:1', listeners: {}, directory: '/x', token: 'token-of-the-run', isInImage: false },
      links: Object.fromEntries(topology.links.map(({ name }, index) => [name, `127.0.0.1:${2000 + index}`])),
    };
    const planOf = (name: string) => topology.replicas.find(replica => replica.name === name)!;
    const inference = topology.replicas.filter(({ service }) => service === 'inference');
    expect(inference.map(({ isStandby = false }) => isStandby)).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
      true,
      true,
    ]);
    const control = parseControlConfig(planOf('control').environment(addresses).CONTROL_CONFIG);
    expect(control.deployments).toMatchObject([{ name: 'inference', replicas: 3, min: 1, max: 8 }]);
    const autoscaler = planOf('autoscaler');
    expect(autoscaler.uses).toContain('autoscaler→control');
    expect(autoscaler.uses).toContain('autoscaler→inference-8');
    expect(autoscaler.uses).toContain('autoscaler→gateway-1');
    const config = parseAutoscalerConfig(autoscaler.environment(addresses).AUTOSCALER_CONFIG);
    expect(config).toMatchObject({ syncPeriodMs: 30_000, timeScale: 20, deployment: 'inference' });
    expect(config.manifest!.spec).toMatchObject({ minReplicas: 3, maxReplicas: 8 });
    expect(config.sources).toHaveLength(9);
    // The record has the content, not only the path.
    expect(plan.stack).toMatchObject({ autoscaler: { hpa: parse(HPA) } });
  });

  it('is off by default, and may ask for more than there can be', async () => {
    expect((await loaded('off')).topology.replicas.map(({ service }) => service)).not.toContain('autoscaler');
    const { topology } = await loaded({ hpa: 'hpa.yaml' }, { inference: { replicas: 3, maxReplicas: 4 } });
    expect(topology.replicas.filter(({ service }) => service === 'inference')).toHaveLength(4);
    const links = Object.fromEntries(topology.links.map(({ name }) => [name, '127.0.0.1:2000']));
    const environment = topology.replicas.find(({ name }) => name === 'control')!.environment({ links } as never);
    expect(parseControlConfig(environment.CONTROL_CONFIG).deployments[0]).toMatchObject({ max: 8 });
  });

  it.each(['directive.yaml', 'marked.yaml', 'release.yaml', 'list.yaml'])(
    'is the only one among the objects of %s',
    async hpa => {
      expect((await loaded({ hpa })).plan.stack).toMatchObject({ autoscaler: { hpa: parse(HPA) } });
    },
  );

  it('may stand in the scenario itself, with rules for its metrics', async () => {
    const cpu = { series: 'DCGM_FI_DEV_GPU_UTIL', factor: 0.01, window: '30s' };
    const { plan } = await loaded({ hpa: parse(CPU), rules: { cpu } }, {}, 'virtual');
    expect(plan.stack).toMatchObject({ autoscaler: { rules: { cpu: { windowMs: 30_000 } } } });
  });

  it.each([
    ['a missing file', { hpa: 'none.yaml' }, 'BAD_AUTOSCALER', 'none.yaml'],
    ['several documents', { hpa: 'two.yaml' }, 'BAD_AUTOSCALER', 'two.yaml', 'more than one HorizontalPodAutoscaler'],
    ['several objects, none of which scales', { hpa: 'none-of-two.yaml' }, 'none-of-two.yaml', 'and no HorizontalPod'],
    ['a mistake in its second document', { hpa: 'second.yaml' }, 'second.yaml', 'twice at line 4'],
    ['no YAML', { hpa: 'broken.yaml' }, 'BAD_AUTOSCALER', 'broken.yaml', 'line 1'],
    ['a key twice', { hpa: 'keys.yaml' }, 'BAD_AUTOSCALER', '"kind" twice'],
    ['an empty file', { hpa: 'empty.yaml' }, 'BAD_AUTOSCALER', 'empty.yaml', 'HorizontalPodAutoscaler'],
    [
      'a wrong field',
      { hpa: { ...parse(HPA), apiVersion: 'autoscaling/v1' } },
      '`stack.autoscaler.hpa`',
      '`apiVersion`',
    ],
    ['neither', {}, 'BAD_SCENARIO', 'stack.autoscaler', 'exactly one of `hpa` and `policy`'],
    ['both', { hpa: 'hpa.yaml', policy: { kind: 'noop' } }, 'BAD_SCENARIO', 'exactly one of `hpa` and `policy`'],
    [
      'an unknown policy',
      { policy: { kind: 'treshold' } },
      'BAD_SCENARIO',
      'stack.autoscaler.policy.kind',
      'threshold',
    ],
    ['a wrong option of a policy', { policy: { kind: 'threshold', cooldwn: '1s' } }, 'cooldown'],
    [
      'min above max',
      { policy: { kind: 'threshold', minReplicas: 5, maxReplicas: 4 } },
      'stack.autoscaler.policy.maxReplicas',
    ],
    [
      'a metric that nothing measures',
      { policy: { kind: 'threshold', steps: [{ metric: 'cpu', above: 85, add: 3 }] } },
      ...['stack.autoscaler.rules', 'the metric cpu'],
    ],
    ['a missing policy', { policy: './none.ts' }, 'BAD_AUTOSCALER', './none.ts'],
    ['a policy that imports', { policy: './imports.ts' }, 'BAD_AUTOSCALER', './imports.ts', 'it imports'],
    ['a file without policy', { policy: './no-policy.ts' }, 'BAD_AUTOSCALER', './no-policy.ts', 'no default export'],
    ['a text as policy', { policy: { kind: 'own', file: './mine.ts', text: 'x' } }, 'stack.autoscaler.policy.text'],
    ['an unknown option', { hpa: 'hpa.yaml', syncPeriods: '1s' }, 'BAD_SCENARIO', 'syncPeriod'],
    ['a wrong rule', { hpa: 'hpa.yaml', rules: { q: { series: 'a b' } } }, 'BAD_SCENARIO', 'stack.autoscaler.rules'],
    [
      'a request of nothing',
      { hpa: 'hpa.yaml', requests: { cpu: '0' } },
      'BAD_SCENARIO',
      'stack.autoscaler.requests.cpu',
    ],
  ])('with %s is refused', async (_, autoscaler, ...words) => {
    const message = await refusal(autoscaler);
    for (const word of words) expect(message).toContain(word);
  });

  it('is a policy, or one of your own, whose maximum is how many replicas there may be', async () => {
    const configOf = async (policy: unknown) => {
      const { topology, plan } = await loaded({ policy });
      const links = Object.fromEntries(topology.links.map(({ name }) => [name, '127.0.0.1:2000']));
      const planOf = (name: string) => topology.replicas.find(replica => replica.name === name)!;
      const environment = planOf('autoscaler').environment({ links } as never);
      const { deployments } = parseControlConfig(planOf('control').environment({ links } as never).CONTROL_CONFIG);
      return { plan, deployments, ...parseAutoscalerConfig(environment.AUTOSCALER_CONFIG) };
    };
    const steps = [{ metric: 'load', above: 0.7, add: 2, for: '30s' }];
    const known = await configOf({ kind: 'threshold', minReplicas: 2, maxReplicas: 6, cooldown: '2m', steps });
    expect(known.policy).toMatchObject({ kind: 'threshold', cooldownMs: 120_000, steps: [{ forMs: 30_000 }] });
    expect(known.deployments).toMatchObject([{ replicas: 3, min: 1, max: 6 }]);
    for (const written of ['./mine.ts', { kind: 'own', file: './mine.ts', maxReplicas: 20, minReplicas: 3 }]) {
      const own = await configOf(written);
      expect(own.policy).toMatchObject({ kind: 'own', minReplicas: 3, maxReplicas: 20, options: {} });
      // The record has the text, not only the path.
      expect(own.plan.stack).toMatchObject({ autoscaler: { policy: { text: expect.stringContaining('decide') } } });
    }
  });

  it('needs the Scale API of control', async () => {
    expect(await refusal({ hpa: 'hpa.yaml' }, { control: 'off' })).toMatch(/BAD_SCENARIO .*`stack.control`/);
  });

  it('may take its metrics from the Prometheus of the stack, over a link of its own, and needs it then', async () => {
    const read = { hpa: 'hpa.yaml', metricsFrom: 'prometheus' };
    const { topology } = await loaded(read, { prometheus: { scrapeEvery: '2s' } });
    const links = Object.fromEntries(topology.links.map(({ name }) => [name, '127.0.0.1:2000']));
    const { uses, environment } = topology.replicas.find(({ name }) => name === 'autoscaler')!;
    expect(uses).toEqual(['autoscaler→control', 'autoscaler→prometheus']);
    const config = parseAutoscalerConfig(environment({ links } as never).AUTOSCALER_CONFIG);
    const login = topology.prometheusLogin;
    expect(config).toMatchObject({
      ...{ sources: [], metricsFrom: 'prometheus' },
      prometheus: { url: 'http://127.0.0.1:2000', login, scrapeEveryMs: 2000 },
    });
    // Each would wait for the other.
    const [before, last] = startTiers(topology).slice(-2);
    expect([before, last].map(tier => tier!.map(({ name }) => name))).toEqual([['prometheus'], ['autoscaler']]);
    expect(topology.replicas.at(-1)!.advertises).toEqual(['prometheus→autoscaler']);
    expect(await refusal(read)).toMatch(/BAD_SCENARIO .*`stack.prometheus` to be on, since .*metricsFrom.*got "off"/);
    expect(await refusal(read, {}, 'virtual')).toMatch(/NOT_VIRTUAL .*metricsFrom.*platform process.*platform docker/);
  });

  it('needs metrics that can be measured', async () => {
    expect(await refusal({ hpa: 'cpu.yaml' })).toMatch(
      /`stack.autoscaler.rules` to be a rule for the metric cpu, .*DCGM/,
    );
    const redis = { type: 'redis', metadata: { listName: 'jobs', listLength: '5' } };
    const keda = {
      ...{ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', metadata: { name: 'a' } },
      spec: { scaleTargetRef: { name: 'a' }, maxReplicaCount: 5, triggers: [redis], fallback: {} },
    };
    expect(await refusal({ hpa: keda })).toContain('s0-redis-jobs');
    const { plan } = await loaded({ hpa: keda, rules: { 's0-redis-jobs': { series: 'jobs' } } });
    expect(plan.warnings?.join('\n')).toContain('Autoscaler: `spec.fallback` is ignored');
  });
});
