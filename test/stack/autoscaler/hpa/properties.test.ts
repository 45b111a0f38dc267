import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import type { Pod } from '../../../../stack/autoscaler/hpa/pods.ts';
import type { Measured } from '../../../../stack/autoscaler/hpa/readings.ts';
import { type HpaSpec, hpaSpecSchema } from '../../../../stack/autoscaler/hpa/schema.ts';
import { DEFAULT_SETTINGS, type HpaSettings } from '../../../../stack/autoscaler/hpa/settings.ts';
import { type HpaState, NEW_STATE } from '../../../../stack/autoscaler/hpa/status.ts';
import { type Decision, type Observation, rescaled, sync } from '../../../../stack/autoscaler/hpa/sync.ts';

const CASES = 10_000;
const SYNC_MS = 15_000;
const REQUEST = 1000n;

/** Calls `check` for each seed; what it throws names the seed. */
function forSeeds(check: (random: Random) => void, cases = CASES): void {
  for (let seed = 1; seed <= cases; seed += 1) {
    try {
      check(seededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

type SpecInput = Parameters<typeof hpaSpecSchema.parse>[0];
type MetricKind = 'utilization' | 'average' | 'value' | 'share';

const metricOf = (kind: MetricKind, target: number) =>
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

function randomSpec(random: Random, kinds: readonly MetricKind[], maxPeriod = 90): HpaSpec {
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

function settingsOf(random: Random): HpaSettings {
  return { ...DEFAULT_SETTINGS, downscaleStabilizationMs: 1000 * random.integer(0, 90) };
}

const READY: Pick<Pod, 'phase' | 'startedAtMs' | 'ready' | 'requests'> = {
  phase: 'Running',
  startedAtMs: -1e7,
  ready: { status: 'True', sinceMs: -1e7 },
  requests: { main: { cpu: REQUEST } },
};
const podsNamed = (count: number): Pod[] => Array.from({ length: count }, (_, i) => ({ name: `p${i}`, ...READY }));

/** The metric of each pod, undefined where it is missing, as resource or custom metric. */
function perPod(kind: MetricKind, values: readonly (number | undefined)[]): Measured {
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
function randomMeasured(random: Random, kind: MetricKind, pods: number): Measured {
  if (random.next() < 0.08) return { kind: 'failed', message: 'scripted' };
  const value = () => Math.floor(random.pick([0, 100, 1000, 5000, 100_000, 1e9]) * (random.next() + 0.01));
  if (kind === 'value' || kind === 'share') return { kind: 'external', milli: [BigInt(value()), BigInt(value())] };
  return perPod(
    kind,
    Array.from({ length: pods }, () => (random.next() < 0.2 ? undefined : value())),
  );
}

function randomPods(random: Random, count: number, nowMs: number): Pod[] {
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

const MIX: readonly (readonly MetricKind[])[] = [
  ['utilization'],
  ['average'],
  ['value'],
  ['share'],
  ['average', 'share'],
  ['value', 'utilization', 'average'],
];

interface Step {
  readonly decision: Decision;
  readonly nowMs: number;
}

/** Several syncs with whatever may happen, also a hand that scales. */
function randomRun(random: Random, spec: HpaSpec, kinds: readonly MetricKind[], settings: HpaSettings): Step[] {
  let state: HpaState = NEW_STATE;
  let current = random.integer(0, 24);
  let nowMs = 0;
  return Array.from({ length: random.integer(2, 8) }, () => {
    nowMs += random.integer(1, 40_000);
    if (random.next() < 0.05) current = random.integer(0, 24);
    const pods = randomPods(random, current + random.integer(0, 2), nowMs);
    const decision = sync(spec, settings, state, {
      ...{ current, existing: pods.length, pods, nowMs },
      measured: kinds.map(kind => randomMeasured(random, kind, pods.length)),
    });
    state = decision.rescale ? rescaled(spec, settings, decision, nowMs) : decision.state;
    current = decision.desired;
    return { decision, nowMs };
  });
}

const observed = (current: number, measured: readonly Measured[], nowMs = 0): Observation => ({
  ...{ current, existing: current, pods: podsNamed(current), measured, nowMs },
});

const targets = (kind: MetricKind) =>
  Array.from({ length: 100 }, (_, i) => hpaSpecSchema.parse({ maxReplicas: 100, metrics: [metricOf(kind, i + 1)] }));
const TARGETS = { utilization: targets('utilization'), average: targets('average') };

describe('the autoscaler, whatever it sees', { timeout: 120_000 }, () => {
  it('never leaves min and max, nor goes below what metrics asked for within the window of the way down', () => {
    let scaledDown = 0;
    forSeeds(random => {
      const kinds = random.pick(MIX);
      const spec = randomSpec(random, kinds);
      const settings = settingsOf(random);
      const own = spec.behavior?.scaleDown.stabilizationWindowSeconds;
      const windowMs = own === undefined ? settings.downscaleStabilizationMs : 1000 * own;
      const asked: { wanted: number; nowMs: number }[] = [];
      for (const { decision, nowMs } of randomRun(random, spec, kinds, settings)) {
        const { proposal, current, desired } = decision;
        const isInside = desired >= spec.minReplicas && desired <= spec.maxReplicas;
        if (current === 0 ? desired !== 0 : !isInside)
          throw new Error(`${current} became ${desired} of ${spec.minReplicas} to ${spec.maxReplicas}`);
        if (asked.length === 0) asked.push({ wanted: current, nowMs });
        if (proposal?.replicas === undefined) continue;
        asked.push({ wanted: Math.max(0, proposal.replicas), nowMs });
        const highest = Math.max(...asked.filter(each => each.nowMs > nowMs - windowMs).map(each => each.wanted));
        if (desired >= current) continue;
        scaledDown += 1;
        if (desired < Math.min(highest, spec.maxReplicas))
          throw new Error(`${current} became ${desired} despite ${highest}`);
      }
    });
    expect(scaledDown).toBeGreaterThan(CASES / 10);
  });

  it('never goes lower for a pod without metric than for one at 100 %, and nowhere without any', () => {
    let differences = 0;
    forSeeds(random => {
      const [kind] = random.pick([['utilization'], ['average']] as const);
      const current = random.integer(1, 15);
      const target = random.integer(1, 100);
      const spec = TARGETS[kind][target - 1]!;
      const unit = kind === 'utilization' ? 10 : 1000;
      const values = Array.from({ length: current }, () => random.integer(0, 2 * target) * unit);
      const isMissing = values.map(() => random.next() < 0.3);
      const wanted = (seen: (number | undefined)[]) =>
        sync(spec, DEFAULT_SETTINGS, NEW_STATE, observed(current, [perPod(kind, seen)])).proposal?.replicas;
      const without = wanted(values.map((value, i) => (isMissing[i] ? undefined : value)));
      // A value has no 100 %: there the target takes its place.
      const full = kind === 'utilization' ? Number(REQUEST) : target * unit;
      const filled = wanted(values.map((value, i) => (isMissing[i] ? full : value)))!;
      if (isMissing.every(Boolean)) expect(without).toBeUndefined();
      else if (without! < Math.min(current, filled)) throw new Error(`${without} instead of ${filled} of ${current}`);
      else if (without !== filled) differences += 1;
    });
    expect(differences).toBeGreaterThan(0);
  });

  it('goes to where a constant load needs it, and stays there', () => {
    let moved = 0;
    forSeeds(random => {
      const kind = random.pick(['average', 'share', 'value', 'utilization'] as const);
      const spec = randomSpec(random, [kind], 30);
      const settings = { ...settingsOf(random), syncPeriodMs: SYNC_MS };
      const load = random.integer(0, 2_000_000);
      let state: HpaState = NEW_STATE;
      const counts = [random.integer(spec.minReplicas, spec.maxReplicas)];
      // What is left over is at most the window, and each period allows a pod at least.
      for (let step = 1; step <= 60; step += 1) {
        const current = counts.at(-1)!;
        // The pods share the load.
        const each = Math.floor(load / current);
        const pods = () => perPod(kind, new Array<number>(current).fill(each));
        const measured: Measured =
          kind === 'share' || kind === 'value'
            ? { kind: 'external', milli: [BigInt(kind === 'share' ? load : each)] }
            : pods();
        const decision = sync(spec, settings, state, observed(current, [measured], step * SYNC_MS));
        state = decision.rescale ? rescaled(spec, settings, decision, step * SYNC_MS) : decision.state;
        counts.push(decision.desired);
        if (step > 10 && new Set(counts.slice(-10)).size === 1) break;
      }
      const steps = counts
        .slice(1)
        .map((count, i) => Math.sign(count - counts[i]!))
        .filter(sign => sign !== 0);
      if (steps.length > 0) moved += 1;
      if (new Set(steps).size > 1 || new Set(counts.slice(-10)).size > 1)
        throw new Error(`it went ${counts.join(', ')}`);
    });
    expect(moved).toBeGreaterThan(CASES / 4);
  });

  it('never has fewer replicas for more of a metric', () => {
    forSeeds(random => {
      const kinds = random.pick(MIX);
      const spec = randomSpec(random, kinds);
      const settings = settingsOf(random);
      const current = random.integer(spec.minReplicas, spec.maxReplicas);
      // One past, seen by both.
      const past = sync(
        spec,
        settings,
        NEW_STATE,
        observed(
          current,
          kinds.map(kind => randomMeasured(random, kind, current)),
        ),
      );
      const missing = Array.from({ length: current }, () => random.next() < 0.2);
      // Pods that start count for metrics of pods; values of the whole are multiplied by the ready ones, so there all are.
      const isStarting = kinds.includes('value') ? missing.map(() => false) : missing.map(() => random.next() < 0.2);
      const pods = podsNamed(current).map((pod, i) => (isStarting[i] ? { ...pod, phase: 'Pending' as const } : pod));
      const low = kinds.map(() => Array.from({ length: current }, () => random.integer(0, 100_000)));
      const high = low.map(values =>
        values.map(value => value + (random.next() < 0.5 ? random.integer(0, 50_000) : 0)),
      );
      const desired = (values: readonly number[][]) => {
        const measured = kinds.map((kind, i) => {
          const own = values[i]!.map((value, pod) => (missing[pod] ? undefined : value));
          if (kind === 'value' || kind === 'share') return { kind: 'external', milli: values[i]!.map(BigInt) } as const;
          return perPod(kind, own);
        });
        return sync(spec, settings, past.state, { ...observed(current, measured, SYNC_MS), pods }).desired;
      };
      const [fewer, more] = [desired(low), desired(high)];
      if (more < fewer) throw new Error(`${fewer} became ${more} of ${current}`);
    });
  });
});
