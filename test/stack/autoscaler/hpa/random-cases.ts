import { type Random, seededRandom } from '../../../../harness/random.ts';
import type { Pod } from '../../../../stack/autoscaler/hpa/pods.ts';
import type { Measured } from '../../../../stack/autoscaler/hpa/readings.ts';
import { type HpaSpec, hpaSpecSchema } from '../../../../stack/autoscaler/hpa/schema.ts';
import { DEFAULT_SETTINGS, type HpaSettings } from '../../../../stack/autoscaler/hpa/settings.ts';

export const CASES = 10_000;
/** What each pod requests of the processor, in thousandths. */
export const REQUEST = 1000n;

/** Calls `check` for each seed; what it throws names the seed. */
export function forSeeds(check: (random: Random) => void, cases = CASES): void {
  for (let seed = 1; seed <= cases; seed += 1) {
    try {
      check(seededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

type SpecInput = Parameters<typeof hpaSpecSchema.parse>[0];
export type MetricKind = 'utilization' | 'average' | 'value' | 'share';

export const metricOf = (kind: MetricKind, target: number) =>
  ({
    utilization: {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } },
    },
    average: { type: 'Pods', pods: { metric: { name: 'q' }, target: { type: 'AverageValue', averageValue: target } } },
    value: { type: 'External', external: { metric: { name: 'v' }, target: { type: 'Value', value: target } } },
    share: {
      type: 'External',
      external: { metric: { name: 's' }, target: { type: 'AverageValue', averageValue: target } },
    },
  })[kind];

function rules(random: Random, maxPeriod: number): object {
  const policies = Array.from({ length: random.integer(1, 3) }, () => ({
    type: random.pick(['Pods', 'Percent']),
    value: random.integer(1, 120),
    periodSeconds: random.integer(1, maxPeriod),
  }));
  return {
    ...(random.next() < 0.7 && { stabilizationWindowSeconds: random.integer(0, 90) }),
    ...(random.next() < 0.3 && { selectPolicy: random.pick(['Max', 'Min', 'Min', 'Disabled']) }),
    ...(random.next() < 0.8 && { policies }),
    ...(random.next() < 0.3 && { tolerance: random.pick(['0', '0.05', '200m']) }),
  };
}

/** Specs that are made once: checking one takes longer than a sync. */
const specs = new Map<string, HpaSpec>();
const SPECS_OF_A_KIND = 250;

export function randomSpec(random: Random, kinds: readonly MetricKind[], maxPeriod = 90): HpaSpec {
  const key = `${kinds} ${maxPeriod} ${random.integer(1, SPECS_OF_A_KIND)}`;
  const spec = specs.get(key) ?? newSpec(seededRandom(0).stream(key), kinds, maxPeriod);
  specs.set(key, spec);
  return spec;
}

function newSpec(random: Random, kinds: readonly MetricKind[], maxPeriod: number): HpaSpec {
  const minReplicas = random.integer(1, 6);
  const behavior = { scaleUp: rules(random, maxPeriod), scaleDown: rules(random, maxPeriod) };
  const spec: SpecInput = {
    ...{ minReplicas, maxReplicas: minReplicas + random.integer(0, 14) },
    metrics: kinds.map(kind => metricOf(kind, random.integer(1, 120))),
    ...(random.next() < 0.7 && { behavior }),
  };
  return hpaSpecSchema.parse(spec);
}

export function settingsOf(random: Random): HpaSettings {
  return { ...DEFAULT_SETTINGS, downscaleStabilizationMs: 1000 * random.integer(0, 90) };
}

const READY: Pick<Pod, 'phase' | 'startedAtMs' | 'ready' | 'requests'> = {
  phase: 'Running',
  startedAtMs: -1e7,
  ready: { status: 'True', sinceMs: -1e7 },
  requests: { main: { cpu: REQUEST } },
};
export const podsNamed = (count: number): Pod[] =>
  Array.from({ length: count }, (_, i) => ({ name: `p${i}`, ...READY }));

/** The metric of each pod, undefined where it is missing, as resource or custom metric. */
export function perPod(kind: MetricKind, values: readonly (number | undefined)[]): Measured {
  const known = values.flatMap((value, i) => (value === undefined ? [] : [{ pod: `p${i}`, milli: BigInt(value) }]));
  const time = { atMs: 0, windowMs: 10_000 };
  return kind === 'utilization'
    ? {
        kind: 'containers',
        pods: known.map(({ pod, milli }) => ({ pod, ...time, containers: { main: { cpu: milli } } })),
      }
    : { kind: 'pods', pods: known.map(each => ({ ...each, ...time })) };
}

/** Any measurement: of all pods or some of them, of nothing, of 0, of far too much. */
export function randomMeasured(random: Random, kind: MetricKind, pods: number): Measured {
  if (random.next() < 0.08) return { kind: 'failed', message: 'scripted' };
  const value = () => Math.floor(random.pick([0, 100, 1000, 5000, 100_000, 1e9]) * (random.next() + 0.01));
  if (kind === 'value' || kind === 'share') return { kind: 'external', milli: [BigInt(value()), BigInt(value())] };
  return perPod(
    kind,
    Array.from({ length: pods }, () => (random.next() < 0.2 ? undefined : value())),
  );
}

export function randomPods(random: Random, count: number, nowMs: number): Pod[] {
  return podsNamed(count).map(pod => {
    const startedAtMs = nowMs - random.pick([1, 20, 40, 400, 4000]) * 1000;
    const ready = { status: random.pick(['True', 'True', 'False', 'Unknown'] as const), sinceMs: startedAtMs + 5000 };
    const isOdd = random.next() < 0.4;
    if (!isOdd) return pod;
    return {
      ...pod,
      phase: random.pick(['Running', 'Running', 'Pending', 'Failed', 'Succeeded'] as const),
      startedAtMs,
      ready,
      isDeleted: random.next() < 0.1,
    };
  });
}

export const MIX: readonly (readonly MetricKind[])[] = [
  ['utilization'],
  ['average'],
  ['value'],
  ['share'],
  ['average', 'share'],
  ['value', 'utilization', 'average'],
];
