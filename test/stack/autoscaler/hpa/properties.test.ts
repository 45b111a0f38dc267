import { describe, expect, it } from 'vitest';
import type { Random } from '../../../../harness/random.ts';
import type { Measured } from '../../../../stack/autoscaler/hpa/readings.ts';
import { type HpaSpec, hpaSpecSchema } from '../../../../stack/autoscaler/hpa/schema.ts';
import { DEFAULT_SETTINGS, type HpaSettings } from '../../../../stack/autoscaler/hpa/settings.ts';
import { type HpaState, NEW_STATE } from '../../../../stack/autoscaler/hpa/status.ts';
import { type Decision, type Observation, rescaled, sync } from '../../../../stack/autoscaler/hpa/sync.ts';
import {
  CASES,
  forSeeds,
  type MetricKind,
  MIX,
  metricOf,
  perPod,
  podsNamed,
  REQUEST,
  randomMeasured,
  randomPods,
  randomSpec,
  settingsOf,
} from './random-cases.ts';

/** The decision under test. */
let decide = sync;
const SYNC_MS = 15_000;

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
    const decision = decide(spec, settings, state, {
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

const PROPERTIES: Record<string, () => void> = {
  'never leaves min and max, nor goes below what metrics asked for within the window of the way down': () => {
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
  },

  'never goes lower for a pod without metric than for one at 100 %, and nowhere without any': () => {
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
        decide(spec, DEFAULT_SETTINGS, NEW_STATE, observed(current, [perPod(kind, seen)])).proposal?.replicas;
      const without = wanted(values.map((value, i) => (isMissing[i] ? undefined : value)));
      // A value has no 100 %: there the target takes its place.
      const full = kind === 'utilization' ? Number(REQUEST) : target * unit;
      const filled = wanted(values.map((value, i) => (isMissing[i] ? full : value)))!;
      if (isMissing.every(Boolean)) expect(without).toBeUndefined();
      else if (without! < Math.min(current, filled)) throw new Error(`${without} instead of ${filled} of ${current}`);
      else if (without !== filled) differences += 1;
    });
    expect(differences).toBeGreaterThan(0);
  },

  'goes to where a constant load needs it, and stays there': () => {
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
        const decision = decide(spec, settings, state, observed(current, [measured], step * SYNC_MS));
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
  },

  'never has fewer replicas for more of a metric': () => {
    forSeeds(random => {
      const kinds = random.pick(MIX);
      const spec = randomSpec(random, kinds);
      const settings = settingsOf(random);
      const current = random.integer(spec.minReplicas, spec.maxReplicas);
      // One past, seen by both.
      const past = decide(
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
        return decide(spec, settings, past.state, { ...observed(current, measured, SYNC_MS), pods }).desired;
      };
      const [fewer, more] = [desired(low), desired(high)];
      if (more < fewer) throw new Error(`${fewer} became ${more} of ${current}`);
    });
  },
};

/** For each property a decision that lacks it. */
const BROKEN: readonly (typeof sync)[] = [
  // Beyond every bound.
  (...args) => {
    const decision = sync(...args);
    return decision.rescale ? { ...decision, desired: decision.desired + 20 } : decision;
  },
  // Pods without metric do not exist.
  (spec, settings, state, seen) => {
    const [measured] = seen.measured;
    const known = measured && 'pods' in measured ? measured.pods.map(({ pod }) => pod) : [];
    return sync(spec, settings, state, { ...seen, pods: seen.pods.filter(({ name }) => known.includes(name)) });
  },
  // Never content.
  (...args) => {
    const decision = sync(...args);
    if (decision.rescale || decision.current >= args[0].maxReplicas) return decision;
    return { ...decision, desired: decision.current + 1, rescale: true };
  },
  // Afraid of a large change.
  (...args) => {
    const decision = sync(...args);
    return decision.desired > decision.current + 1 ? { ...decision, desired: decision.current } : decision;
  },
];

describe('the autoscaler, whatever it sees', { timeout: 120_000 }, () => {
  it.each(Object.entries(PROPERTIES))('%s', (_, property) => property());

  it.each(Object.entries(PROPERTIES).map(([name, property], index) => [name, property, BROKEN[index]!] as const))(
    'is found out where it does not: %s',
    (_, property, broken) => {
      decide = broken;
      try {
        expect(property).toThrow(/^seed \d+: /);
      } finally {
        decide = sync;
      }
    },
  );
});
