import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { placed } from '../../../../stack/autoscaler/hpa/history.ts';
import { hpaSpecSchema } from '../../../../stack/autoscaler/hpa/schema.ts';
import type { HpaSettings } from '../../../../stack/autoscaler/hpa/settings.ts';
import { type HpaState, historyOf, NEW_STATE, unreadable } from '../../../../stack/autoscaler/hpa/status.ts';
import { type Decision, rescaled, sync } from '../../../../stack/autoscaler/hpa/sync.ts';
import { measuredIn, podsOf, type RecordedCase, type RecordedSync, readCases } from './recorded.ts';

// Syncs of kube-controller-manager v1.36.3. HPA_CASES=path: other recordings of the same format.
const { cases, settings } = readCases(
  process.env.HPA_CASES ?? join(import.meta.dirname, 'fixtures', 'kubernetes-1.36.json.gz'),
);

type Step = (before: HpaState, recorded: RecordedCase, row: RecordedSync, flags: HpaSettings) => Sync;
interface Sync {
  readonly state: HpaState;
  readonly decision?: Decision;
}

/** One sync of ours with what the real controller saw. */
const ours: Step = (before, recorded, row, flags) => {
  if (row.cur === null) return { state: unreadable(before, 'not found') };
  const spec = specOf(recorded, row.spec);
  const decision = sync(spec, flags, before, {
    ...{ current: row.cur, existing: row.status ?? 0, pods: podsOf(recorded, row.pods) },
    ...{ measured: measuredIn(recorded, row), isAmbiguous: row.extra?.otherHPA !== undefined, nowMs: row.t },
  });
  const state = decision.rescale ? rescaled(spec, flags, decision, row.extra?.te ?? row.t) : decision.state;
  return { state, decision };
};

const specs = new WeakMap<object, ReturnType<typeof hpaSpecSchema.parse>>();
function specOf({ specs: all }: RecordedCase, index: number) {
  const { spec } = all[index]!;
  const parsed = specs.get(spec as object) ?? hpaSpecSchema.parse(spec);
  specs.set(spec as object, parsed);
  return parsed;
}

/** Every difference of a case between what a step does and what was recorded, as `case #sync field: ours, theirs`. */
function differences(recorded: RecordedCase, step: Step): string[] {
  const flags = settings[recorded.flags]!;
  const found: string[] = [];
  let state = NEW_STATE;
  recorded.syncs.forEach((row, index) => {
    const before = state;
    const { state: after, decision } = step(before, recorded, row, flags);
    state = after;
    const { race, scaled = false, why } = row.extra ?? {};
    if (race) {
      state = asRecorded(before, after, recorded, row);
      return;
    }
    const compare = (field: string, own: unknown, theirs: unknown) => {
      const [a, b] = [JSON.stringify(own), JSON.stringify(theirs)];
      if (a !== b) found.push(`${recorded.id} #${index} ${field}: ${a}, ${b}`);
    };
    const wanted = decision?.proposal?.replicas;
    compare('proposal', wanted ?? null, row.prop);
    if (row.norm !== null) compare('count', decision?.desired, row.norm);
    compare('rescale', decision?.rescale ?? false, scaled);
    if (why !== undefined) compare('reason', decision?.reason, why);
    compare('desired', state.desiredReplicas, row.des);
    // Set after the event that `te` tells, in whole seconds.
    const lastMs = state.lastScaleMs;
    if (lastMs === undefined || row.last === null) compare('last scale', lastMs ?? null, row.last);
    else if (Math.abs(1000 * row.last + 500 - lastMs) > 1500) compare('last scale', lastMs, row.last);
    compare('conditions', conditionsOf(state), conditionsIn(recorded, row));
    compare('metrics', sorted(state.currentMetrics), sorted(recorded.metricStatus[row.metricStatus]!));
  });
  return found;
}

/** State after a sync whose input is not known for sure: what the real controller concluded is remembered. */
function asRecorded(before: HpaState, after: HpaState, recorded: RecordedCase, row: RecordedSync): HpaState {
  const conditions = Object.fromEntries(
    Object.entries(recorded.conditions[row.cond]!).map(([type, [status, reason, message = '']]) => [
      type,
      { status, reason, message },
    ]),
  ) as HpaState['conditions'];
  if (row.cur === null) return { ...after, conditions };
  const spec = specOf(recorded, row.spec);
  const base = before.history ?? { ...historyOf(before), recommendations: [{ replicas: row.cur, atMs: row.t }] };
  const { recommendations: own } = historyOf(after);
  const mended = { replicas: Math.max(row.prop ?? 0, 0), atMs: row.t };
  const index = own.findIndex(({ atMs }, i) => atMs === row.t && own[i] !== base.recommendations[i]);
  let recommendations = base.recommendations;
  if (row.prop !== null)
    recommendations = index < 0 ? placed(recommendations, mended, () => false) : own.with(index, mended);
  const decided = { ...after, history: { ...base, recommendations } };
  const desired = row.norm ?? row.des;
  const state = row.extra?.scaled
    ? rescaled(
        spec,
        settings[recorded.flags]!,
        { state: decided, current: row.cur, desired, rescale: true, reason: '' },
        row.extra.te ?? row.t,
      )
    : decided;
  const { lastScaleMs: _, ...rest } = state;
  const lastScaleMs = row.last === null ? {} : { lastScaleMs: 1000 * row.last };
  return { ...rest, ...lastScaleMs, conditions, desiredReplicas: row.des };
}

/** Status and reason of each condition, and the metric of ScalingActive. */
function conditionsOf({ conditions }: HpaState) {
  return Object.entries(conditions)
    .map(([type, { status, reason, message }]) =>
      reason === 'ValidMetricFound' ? [type, status, reason, message] : [type, status, reason],
    )
    .sort();
}

function conditionsIn({ conditions }: RecordedCase, { cond }: RecordedSync) {
  return Object.entries(conditions[cond]!)
    .map(([type, [status, reason, message]]) =>
      reason === 'ValidMetricFound' ? [type, status, reason, message] : [type, status, reason],
    )
    .sort();
}

function sorted(statuses: readonly (object | null)[]) {
  return statuses.map(status => status && Object.fromEntries(Object.entries(status).sort()));
}

describe('the decision of the autoscaler', () => {
  it('is that of kube-controller-manager in every recorded sync', () => {
    expect(cases.flatMap(recorded => differences(recorded, ours))).toEqual([]);
    expect(cases.reduce((sum, { syncs }) => sum + syncs.length, 0)).toBeGreaterThan(4000);
  });
});

type PodState = RecordedCase['podStates'][number];
function withStates(recorded: RecordedCase, change: (state: PodState) => PodState): RecordedCase {
  return { ...recorded, podStates: recorded.podStates.map(change) };
}

/** What is easily got wrong: each as a change of what a sync sees, of the settings, or of what it remembers. */
const MISTAKES: Record<string, Step> = {
  'recommendations are stored within the bounds': (before, recorded, row, flags) => {
    const result = ours(before, recorded, row, flags);
    const { recommendations, ...history } = historyOf(result.state);
    const { maxReplicas } = specOf(recorded, row.spec);
    const bounded = recommendations.map(each => ({ ...each, replicas: Math.min(each.replicas, maxReplicas) }));
    return { ...result, state: { ...result.state, history: { ...history, recommendations: bounded } } };
  },
  'a limit is no scale event': (before, recorded, row, flags) => {
    const result = ours(before, recorded, row, flags);
    return result.decision?.proposal ? result : { ...result, state: { ...result.state, history: historyOf(before) } };
  },
  'events of the other direction do not count': (before, recorded, row, flags) => {
    const isUp = (row.norm ?? 0) > (row.cur ?? 0);
    const { scaleUps, scaleDowns, recommendations } = historyOf(before);
    const one = { recommendations, scaleUps: isUp ? scaleUps : [], scaleDowns: isUp ? [] : scaleDowns };
    return ours(before.history ? { ...before, history: one } : before, recorded, row, flags);
  },
  'spec.replicas is what exists': (before, recorded, row, flags) =>
    ours(before, recorded, { ...row, status: row.cur }, flags),
  'every running pod is ready': (before, recorded, row, flags) =>
    ours(
      before,
      withStates(recorded, ([p, at, _, ...rest]) => [p, at, 'True', ...rest]),
      row,
      flags,
    ),
  'deleted pods count': (before, recorded, row, flags) =>
    ours(
      before,
      withStates(recorded, ([p, at, ready, since]) => [p, at, ready, since]),
      row,
      flags,
    ),
  'succeeded pods are ignored': (before, recorded, row, flags) =>
    ours(
      before,
      withStates(recorded, ([p, ...rest]) => [p === 'Succeeded' ? 'Failed' : p, ...rest]),
      row,
      flags,
    ),
  'the tolerance is 11 %': (before, recorded, row, flags) => ours(before, recorded, row, { ...flags, tolerance: 0.11 }),
  'no tolerance of its own': (before, recorded, row, flags) =>
    ours(before, recorded, row, { ...flags, configurableTolerance: false }),
  'no readiness delay': (before, recorded, row, flags) =>
    ours(before, recorded, row, { ...flags, initialReadinessDelayMs: 0 }),
  'no initialisation of cpu': (before, recorded, row, flags) =>
    ours(before, recorded, row, { ...flags, cpuInitializationPeriodMs: 0 }),
  'no window on the way down': (before, recorded, row, flags) =>
    ours(before, recorded, row, { ...flags, downscaleStabilizationMs: 0 }),
};

describe('the comparison with kube-controller-manager', () => {
  it.each(Object.entries(MISTAKES))('finds that %s', (_, step) => {
    expect(cases.some(recorded => differences(recorded, step).length > 0)).toBe(true);
  });
});

describe('the API', () => {
  it('fills in the same defaults, and rejects the same specs', () => {
    for (const { id, submitted, specs, rejected } of cases) {
      const own = hpaSpecSchema.safeParse(submitted);
      expect(own.success, id).toBe(!rejected);
      if (!rejected) expect(own.data, id).toEqual(hpaSpecSchema.parse(specs[0]!.spec));
    }
  });
});
