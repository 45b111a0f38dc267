import { type Random, seededRandom } from '../../../../../harness/random.ts';
import { parseQuantity } from '../../../../../stack/autoscaler/hpa/quantity.ts';
import { type LoadOptions, loadOf } from './random-load.ts';
import { livesOf } from './random-pods.ts';
import type { Act, Script } from './script.ts';

const METRICS = ['cpu', 'cpu', 'memory', 'container', 'pods', 'pods', 'object', 'external'] as const;

/** Which kinds of surprises a group of cases has. */
const GROUPS: Readonly<Record<string, Partial<Surprises>>> = {
  pods: { oddPods: 0.5 },
  readings: { badReadings: 0.5, oddPods: 0.1 },
  behavior: { behavior: 1, fast: 0.9 },
  tolerance: { behavior: 1, tolerance: 1, near: 0.8 },
  several: { metrics: 4, badReadings: 0.2 },
  zero: { zero: 1, behavior: 0.5, acts: 0.5 },
  acts: { acts: 1, behavior: 0.5 },
  rollout: { roll: 1, oddPods: 0.1 },
  extremes: { extremes: 0.6, behavior: 0.4 },
  target: { target: 1 },
  deleted: { linger: 1, oddPods: 0.2, behavior: 0.7, fast: 1 },
  all: {
    oddPods: 0.3,
    badReadings: 0.2,
    behavior: 0.6,
    tolerance: 0.3,
    metrics: 3,
    acts: 0.3,
    extremes: 0.05,
    linger: 0.2,
    near: 0.3,
  },
};

interface Surprises {
  readonly oddPods: number;
  readonly badReadings: number;
  readonly behavior: number;
  readonly tolerance: number;
  readonly near: number;
  readonly fast: number;
  readonly metrics: number;
  readonly zero: number;
  readonly acts: number;
  readonly roll: number;
  readonly extremes: number;
  readonly target: number;
  readonly linger: number;
}

const NONE: Surprises = {
  ...{ oddPods: 0.05, badReadings: 0.05, behavior: 0.3, tolerance: 0, near: 0.3, fast: 0.6, metrics: 1, zero: 0 },
  ...{ acts: 0, roll: 0, extremes: 0, target: 0, linger: 0 },
};

/** Names of the groups that random cases come in. */
export const GROUP_NAMES: readonly string[] = Object.keys(GROUPS);

/** A random case, of one group. @param flags name of the settings that it is played with */
export function randomScript(group: string, seed: number, flags: string, scaleToZero: boolean): Script {
  const random = seededRandom(seed).stream(group);
  const odds = { ...NONE, ...GROUPS[group] };
  const chance = (ratio: number) => random.next() < ratio;
  const kinds = Array.from({ length: random.integer(1, odds.metrics) }, () => random.pick(METRICS));
  const isToZero = scaleToZero && chance(odds.zero);
  if (odds.zero > 0) kinds.splice(0, 1, random.pick(['object', 'external']));
  const minReplicas = isToZero ? 0 : random.integer(1, 4);
  const maxReplicas = Math.max(1, minReplicas + random.integer(chance(0.1) ? 0 : 3, 10));
  const metrics = kinds.map((kind, index) => metricOf(random, kind, index));
  const behavior = chance(odds.behavior) ? { behavior: behaviorOf(random, odds) } : {};
  const replicas = chance(0.1)
    ? random.integer(1, 12)
    : random.integer(Math.max(1, minReplicas), Math.min(6, maxReplicas));
  const requests = requestsOf(random, odds);
  const load: LoadOptions = {
    ...{ random: random.stream('load'), metrics: metrics.map(({ script }) => script), requests },
    ...{ badReadings: odds.badReadings, near: odds.near, extremes: odds.extremes, zero: odds.zero },
  };
  return {
    ...{ id: `${flags}/${group}-${seed}`, group, seed, flags, replicas, requests },
    spec: { minReplicas, maxReplicas, metrics: metrics.map(({ spec }) => spec), ...behavior },
    ...(chance(odds.oddPods / 4) && { podRequests: podRequestsOf(random, requests) }),
    lingerMs: chance(odds.linger) ? random.integer(2, 9) * 1000 : 0,
    ...targetOf(random, odds, { minReplicas, maxReplicas, metrics: metrics.map(({ spec }) => spec) }),
    life: livesOf(random.stream('pods'), odds.oddPods, replicas),
    reply: loadOf(load),
  };
}

function requestsOf(random: Random, { oddPods }: Surprises): Script['requests'] {
  const cpu = random.pick(['100m', '200m', '250m', '1', '333m']);
  const a = { cpu, memory: '100Mi' };
  // The second container has a request for both, one of them, or none.
  if (random.next() < 0.5) return { a };
  const b = random.pick([{ cpu: '100m', memory: '50Mi' }, { cpu: '50m', memory: '64Mi' }, { memory: '64Mi' }] as const);
  return { a, b: random.next() < oddPods ? b : { cpu: '100m', memory: '50Mi' } };
}

/** What the pod itself requests: of the processor at least as much as its containers do. */
function podRequestsOf(random: Random, requests: Script['requests']): Record<string, string> {
  const milli = Object.values(requests).reduce((sum, { cpu = '0' }) => sum + Number(parseQuantity(cpu)!.milli), 0);
  return { cpu: `${milli + random.pick([0, 20, milli])}m` };
}

/** A metric of a spec, and the name and target that its load is scripted by. */
function metricOf(random: Random, kind: (typeof METRICS)[number], index: number) {
  const name = `${kind}${index}`;
  const selector = random.next() < 0.3 ? { selector: selectorOf(random) } : {};
  const metric = { name, ...selector };
  const value = random.pick([5, 10, 30, 100, 0.5]);
  const text = random.next() < 0.3 ? `${1000 * value}m` : String(value);
  const script = { kind, name, target: value, isAverage: random.next() < 0.5 };
  const target = script.isAverage ? { type: 'AverageValue', averageValue: text } : { type: 'Value', value: text };
  switch (kind) {
    case 'cpu':
    case 'memory':
    case 'container': {
      const resource = kind === 'memory' ? 'memory' : 'cpu';
      const isRatio = random.next() < 0.7;
      const percent = random.pick([30, 50, 70, 80, 95, 150]);
      const average = { cpu: [0.1, '100m'], memory: [100 * 2 ** 20, '100Mi'] }[resource] as [number, string];
      const own = isRatio
        ? { type: 'Utilization', averageUtilization: percent }
        : { type: 'AverageValue', averageValue: average[1] };
      const of = { ...script, target: isRatio ? percent : average[0], isAverage: !isRatio };
      if (kind !== 'container')
        return { script: of, spec: { type: 'Resource', resource: { name: resource, target: own } } };
      const spec = { type: 'ContainerResource', containerResource: { name: resource, container: 'a', target: own } };
      return { script: of, spec };
    }
    case 'pods': {
      const spec = { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: text } } };
      return { script: { ...script, isAverage: true }, spec };
    }
    case 'object': {
      const describedObject = random.pick([
        { kind: 'Service', name: 'main', apiVersion: 'v1' },
        { kind: 'Namespace', name: 'any', apiVersion: 'v1' },
        { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
      ]);
      return { script, spec: { type: 'Object', object: { describedObject, metric, target } } };
    }
    case 'external':
      return { script, spec: { type: 'External', external: { metric, target } } };
  }
}

/** A metric of a spec whose target is twice as high. */
function raised(metric: object): object {
  const text = JSON.stringify(metric).replace(
    /("average\w+"|"value"):"?(\d+)(\.\d+)?/,
    (all, _key, value, fraction = '') => all.replace(`${value}${fraction}`, `${2 * Number(value + fraction)}`),
  );
  return JSON.parse(text);
}

function selectorOf(random: Random): object {
  return random.pick([
    { matchLabels: { queue: 'chat' } },
    { matchLabels: { b: '1', a: 'x-y' } },
    { matchExpressions: [{ key: 'tier', operator: 'In', values: ['gold', 'silver'] }] },
    {
      matchLabels: { q: 'z' },
      matchExpressions: [
        { key: 'old', operator: 'DoesNotExist' },
        { key: 'k', operator: 'NotIn', values: ['v'] },
      ],
    },
    {},
  ]);
}

function behaviorOf(random: Random, { tolerance, fast }: Surprises): object {
  const chance = (ratio: number) => random.next() < ratio;
  const direction = () => ({
    ...(chance(0.7) && { stabilizationWindowSeconds: chance(fast) ? random.integer(0, 4) : random.integer(5, 300) }),
    ...(chance(0.4) && { selectPolicy: random.pick(['Max', 'Min', 'Min', 'Disabled']) }),
    ...(chance(tolerance) && {
      tolerance: random.pick(['0', '0.05', '200m', '0.5', '1', '1.5', '33m', '0.0001', '10u']),
    }),
    ...(chance(0.8) && {
      policies: Array.from({ length: random.integer(1, 3) }, () =>
        random.next() < 0.5
          ? { type: 'Pods', value: random.integer(1, 5), periodSeconds: random.integer(1, chance(fast) ? 5 : 1800) }
          : {
              type: 'Percent',
              value: random.pick([10, 25, 33, 50, 75, 100, 200, 900]),
              periodSeconds: random.integer(1, 6),
            },
      ),
    }),
  });
  return { ...(chance(0.8) && { scaleUp: direction() }), ...(chance(0.8) && { scaleDown: direction() }) };
}

/** What happens to the target and the autoscaler. */
function targetOf(
  random: Random,
  odds: Surprises,
  { minReplicas, maxReplicas, metrics }: { minReplicas: number; maxReplicas: number; metrics: readonly object[] },
): Pick<Script, 'acts' | 'isLate'> {
  const at = (from: number, to: number) => random.integer(from, to);
  if (random.next() < odds.target) {
    const [what, act] = random.pick([
      ['late', [{ atMs: at(3000, 7000), what: 'deploy', args: [] }]],
      [
        'gone',
        [
          { atMs: at(3000, 6000), what: 'rmdep', args: [] },
          { atMs: at(9000, 12_000), what: 'deploy', args: [] },
        ],
      ],
      [
        'two',
        [
          { atMs: at(3000, 6000), what: 'hpa2', args: [] },
          { atMs: at(9000, 12_000), what: 'rmhpa', args: [] },
        ],
      ],
      [
        'zero',
        [
          { atMs: at(3000, 6000), what: 'scale', args: [0] },
          { atMs: at(9000, 12_000), what: 'scale', args: [2] },
        ],
      ],
    ] as [string, Act[]][]);
    return { acts: act, isLate: what === 'late' };
  }
  if (random.next() < odds.roll) {
    const later: Act[] = random.next() < 0.3 ? [{ atMs: at(10_000, 13_000), what: 'roll', args: [2] }] : [];
    return { acts: [{ atMs: at(2000, 5000), what: 'roll', args: [1] }, ...later], isLate: false };
  }
  if (random.next() >= odds.acts) return { acts: [], isLate: false };
  const acts = Array.from({ length: random.integer(1, 3) }, (_, i): Act => {
    const atMs = at(2000 + 5000 * i, 6000 + 5000 * i);
    const higher = Math.max(1, minReplicas, random.integer(1, 12));
    const patch = random.pick([
      { maxReplicas: higher },
      { minReplicas: random.integer(1, Math.max(1, maxReplicas)), maxReplicas: Math.max(maxReplicas, 12) },
      { behavior: behaviorOf(random, odds) },
      { behavior: null },
      { metrics: metrics.map(raised) },
      {
        behavior: { scaleDown: { stabilizationWindowSeconds: random.integer(0, 6) }, scaleUp: { selectPolicy: 'Max' } },
      },
    ]);
    return random.next() < 0.4
      ? { atMs, what: 'scale', args: [random.integer(1, maxReplicas + 3)] }
      : { atMs, what: 'hpa', args: [patch] };
  });
  return { acts, isLate: false };
}
