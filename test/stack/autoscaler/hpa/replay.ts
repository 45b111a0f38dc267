import { type History, NO_HISTORY, placed } from '../../../../stack/autoscaler/hpa/history.ts';
import { hpaSpecSchema } from '../../../../stack/autoscaler/hpa/schema.ts';
import type { HpaSettings } from '../../../../stack/autoscaler/hpa/settings.ts';
import { type HpaState, historyOf, NEW_STATE, unreadable } from '../../../../stack/autoscaler/hpa/status.ts';
import { type Decision, rescaled, sync } from '../../../../stack/autoscaler/hpa/sync.ts';
import { measuredIn, podsOf, type RecordedCase, type RecordedSync } from './recorded.ts';

/** One sync of a case, with what the real controller saw. */
export type Step = (before: HpaState, recorded: RecordedCase, row: RecordedSync, flags: HpaSettings) => Sync;
/** State after a sync, and what it decided if the scale of the target was read. */
export interface Sync {
  readonly state: HpaState;
  readonly decision?: Decision;
}

/** One sync of ours with what the real controller saw. */
export const ours: Step = (before, recorded, row, flags) => {
  if (row.cur === null) return { state: unreadable(before, 'not found') };
  const spec = specOf(recorded, row.spec);
  const decision = sync(
    spec,
    flags,
    { ...before, history: historyBefore(before, row) },
    {
      ...{ current: row.cur, existing: row.status ?? 0, pods: podsOf(recorded, row.pods) },
      ...{ measured: measuredIn(recorded, row), isAmbiguous: row.extra?.otherHPA !== undefined, nowMs: row.t },
    },
  );
  const state = decision.rescale ? rescaled(spec, flags, decision, row.extra?.te ?? row.t) : decision.state;
  return { state, decision };
};

/** What is remembered when a sync decides: in the first one what there was when the scale was read, a while before that. */
function historyBefore({ history }: HpaState, { cur, t, extra }: RecordedSync): History {
  return history ?? { ...NO_HISTORY, recommendations: [{ replicas: cur ?? 0, atMs: extra?.read ?? t }] };
}

const specs = new WeakMap<object, ReturnType<typeof hpaSpecSchema.parse>>();
export function specOf({ specs: all }: RecordedCase, index: number) {
  const { spec } = all[index]!;
  const parsed = specs.get(spec as object) ?? hpaSpecSchema.parse(spec);
  specs.set(spec as object, parsed);
  return parsed;
}

/** Every difference of a case between what a step does and what was recorded, as `case #sync field: ours, theirs`. */
export function differences(
  recorded: RecordedCase,
  settings: Readonly<Record<string, HpaSettings>>,
  step: Step,
): string[] {
  const flags = settings[recorded.flags]!;
  const found: string[] = [];
  let state = NEW_STATE;
  recorded.syncs.forEach((row, index) => {
    const before = state;
    const { state: after, decision } = step(before, recorded, row, flags);
    state = after;
    const { race, scaled = false, why } = row.extra ?? {};
    if (race) {
      state = asRecorded(before, after, recorded, row, flags);
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

/** A sync as if the controller had looked at its clock when the sync began. */
const atBegin: Step = (before, recorded, row, flags) => ours(before, recorded, { ...row, t: row.t - row.took }, flags);

/** A sync as if what there was at first had been remembered when the first one began. */
const knownAtBegin: Step = (before, recorded, { extra, ...row }, flags) =>
  ours(before, recorded, { ...row, extra: { ...extra, read: row.t - row.took } }, flags);

/** Places of syncs that come out otherwise if the controller looked at its clock earlier in them, which no log tells. */
export function unsureSyncs(recorded: RecordedCase, settings: Readonly<Record<string, HpaSettings>>): number[] {
  const flags = settings[recorded.flags]!;
  const outcomes = (step: Step) => {
    let before = NEW_STATE;
    return recorded.syncs.map(row => {
      const { state, decision } = step(before, recorded, row, flags);
      before = row.extra?.race ? asRecorded(before, state, recorded, row, flags) : state;
      return JSON.stringify([decision?.proposal?.replicas, decision?.desired, conditionsOf(state)]);
    });
  };
  const sure = outcomes(ours);
  const others = [outcomes(atBegin), outcomes(knownAtBegin)];
  return sure.flatMap((outcome, index) => (others.some(other => other[index] !== outcome) ? [index] : []));
}

/** State after a sync whose input is not known for sure: what the real controller concluded is remembered. */
function asRecorded(
  before: HpaState,
  after: HpaState,
  recorded: RecordedCase,
  row: RecordedSync,
  flags: HpaSettings,
): HpaState {
  const conditions = Object.fromEntries(
    Object.entries(recorded.conditions[row.cond]!).map(([type, [status, reason, message = '']]) => [
      type,
      { status, reason, message },
    ]),
  ) as HpaState['conditions'];
  if (row.cur === null) return { ...after, conditions };
  const spec = specOf(recorded, row.spec);
  const base = historyBefore(before, row);
  const { recommendations: own } = historyOf(after);
  const mended = { replicas: Math.max(row.prop ?? 0, 0), atMs: row.t };
  const index = own.findIndex(({ atMs }) => atMs === row.t);
  let recommendations = base.recommendations;
  if (row.prop !== null)
    recommendations = index < 0 ? placed(recommendations, mended, () => false) : own.with(index, mended);
  const decided = { ...after, history: { ...base, recommendations } };
  const desired = row.norm ?? row.des;
  const state = row.extra?.scaled
    ? rescaled(
        spec,
        flags,
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
