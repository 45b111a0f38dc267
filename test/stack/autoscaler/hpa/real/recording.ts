import type { MetricReply } from './metrics-api.ts';
import type { Played, RecordedReply } from './play.ts';
import { MILLISECONDS_OF_RACE, type SyncLog } from './sync-log.ts';

/** Names of the columns of a sync. */
export const SYNC_COLUMNS = [
  ...[
    't',
    'took',
    'spec',
    'cur',
    'status',
    'pods',
    'metrics',
    'prop',
    'norm',
    'des',
    'last',
    'cond',
    'metricStatus',
    'extra',
  ],
] as const;

/** Distinct values, each with its place. */
class Table<Value> {
  readonly values: Value[] = [];
  readonly #places = new Map<string, number>();

  place(value: Value): number {
    const key = JSON.stringify(value);
    const found = this.#places.get(key);
    if (found !== undefined) return found;
    this.#places.set(key, this.values.push(value) - 1);
    return this.values.length - 1;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes, and rows of a file.
type Any = any;

/** A case in the format of recordings. */
export interface Recording extends Readonly<Record<string, unknown>> {
  readonly syncs: Any[][];
}

/** Marks a sync of which it is not sure what the controller saw. */
export function markUnsure(row: Any[]): void {
  const place = SYNC_COLUMNS.indexOf('extra');
  row[place] = { ...row[place], race: true };
}

/** A played case with what the controller did, in the format of recordings: times in ms or whole seconds after its base. */
export function recordingOf(
  played: Played,
  syncs: readonly SyncLog[],
  podOrdinals: ReadonlyMap<string, number>,
): Recording {
  const { script, baseMs, specs, acts, snapshots } = played;
  const states = new Table<Any>();
  const sets = new Table<Any>();
  const answers = new Table<Any>();
  const conditions = new Table<Any>();
  const metricStatus = new Table<Any>();
  const tolerances: (string | null)[] = specs.map(() => null);
  const after = (ms: number) => Math.round(10 * (ms - baseMs)) / 10;
  const seconds = (s: number | null | undefined) => (s === null || s === undefined ? null : s - baseMs / 1000);
  const metrics = (specs[0]!.spec as { metrics: Any[] }).metrics;
  const placeOfPods = (atMs: number) => {
    const { pods } = snapshots.findLast(each => each.atMs <= atMs) ?? { pods: [] };
    return sets.place(
      pods.map(([ordinal, [phase, start, ready, since, ...deleted]]) => [
        ordinal,
        states.place([phase, seconds(start), ready, seconds(since), ...deleted.map(seconds)]),
      ]),
    );
  };
  let status: Any = {};
  const first = syncs.find(({ current }) => current !== null);
  const rows = syncs.map(sync => {
    status = sync.status ?? status;
    const { beginMs, endMs } = sync;
    const replies = played.replies.filter(({ atMs }) => atMs >= beginMs - 2 && atMs < endMs);
    const atMs = sync.proposedMs ?? sync.decidedMs ?? replies.at(-1)?.atMs ?? beginMs;
    const spec = Math.max(
      0,
      specs.findLastIndex(each => each.atMs <= beginMs),
    );
    if (sync.tolerances) tolerances[spec] ??= sync.tolerances;
    const isNear = (ms: number, from: number, to: number) =>
      ms > from - MILLISECONDS_OF_RACE && ms < to + MILLISECONDS_OF_RACE;
    const isRace =
      sync.hasFailedStatus ||
      snapshots.some(each => isNear(each.atMs, replies[0]?.atMs ?? atMs, atMs)) ||
      specs.slice(1).some(each => isNear(each.atMs, beginMs, atMs));
    const own = conditionsOf(status);
    const isFailed = sync.current === null || own.ScalingActive?.[1]?.startsWith('FailedGet');
    const extra = {
      ...(sync === first && { read: after(replies[0]?.atMs ?? atMs) }),
      ...(sync.reason !== undefined && { scaled: true, te: after(sync.decidedMs!), why: sync.reason }),
      ...(isFailed && { failed: true }),
      ...(sync.conflicts > 0 && { conflicts: sync.conflicts }),
      ...(own.ScalingActive?.[1] === 'AmbiguousSelector' && { otherHPA: true }),
      ...(isRace && { race: true }),
    };
    const asked = replies.map(each => {
      const place = answers.place(answerOf(each, podOrdinals));
      const { reply } = each;
      return 'at' in reply ? [place, reply.at - baseMs / 1000] : place;
    });
    return [
      ...[
        after(atMs),
        Math.round(10 * (atMs - beginMs)) / 10,
        spec,
        sync.current,
        sync.existing,
        placeOfPods(atMs),
        asked,
      ],
      ...[sync.proposed ?? null, sync.decided ?? null, status.desiredReplicas ?? 0],
      status.lastScaleTime ? seconds(Date.parse(status.lastScaleTime) / 1000) : null,
      ...[conditions.place(own), metricStatus.place(statusesOf(status, metrics))],
      ...(Object.keys(extra).length > 0 ? [extra] : []),
    ];
  });
  const { id, group, seed, flags, requests, podRequests, spec } = script;
  return {
    ...{ id, group, seed, flags, submitted: spec },
    specs: specs.map(each => ({ t: after(each.atMs), spec: each.spec })),
    ...(acts.length > 0 && { acts: acts.map(({ atMs, ...act }) => ({ t: after(atMs), ...act })) }),
    ...{ requests, ...(podRequests && { podRequests }), tolerances },
    ...{ podStates: states.values, podSets: sets.values, answers: answers.values },
    ...{ conditions: conditions.values, metricStatus: metricStatus.values, syncs: rows },
  };
}

/** Condition -> status, reason and, of ScalingActive, the message, of which only the name of a valid metric is kept. */
function conditionsOf({ conditions = [] }: Any): Record<string, [string, string, string?]> {
  return Object.fromEntries(
    conditions.map(({ type, status, reason, message }: Any) => {
      if (type !== 'ScalingActive') return [type, [status, reason]];
      const name = /^the HPA was able to successfully calculate a replica count from (.*)$/s.exec(message)?.[1];
      return [type, [status, reason, name ?? message]];
    }),
  );
}

/** Current value of each metric, null where it failed. */
function statusesOf({ currentMetrics }: Any, metrics: readonly Any[]): (object | null)[] {
  if (!currentMetrics) return [];
  return currentMetrics.map((each: Any, index: number) => {
    const type: string = metrics[index]?.type ?? '';
    return each[type.charAt(0).toLowerCase() + type.slice(1)]?.current ?? null;
  });
}

/** A reply as recordings have it. A value that is none cannot be read, which fails like an error. */
function answerOf({ query: { kind, name }, reply }: RecordedReply, ordinals: ReadonlyMap<string, number>): object {
  const pod = (podName: string) => ordinals.get(podName) ?? podName;
  const answer = toAnswer(reply, kind, name, pod);
  return reply.k !== 'failed' && JSON.stringify(answer).includes('"NaN"') ? { k: kind, err: 'NaN' } : answer;
}

function toAnswer(
  reply: MetricReply,
  kind: string,
  name: string | undefined,
  pod: (name: string) => number | string,
): object {
  switch (reply.k) {
    case 'failed':
      return { k: kind, err: reply.code };
    case 'resource': {
      const cols = [
        ...new Set(
          reply.pods.flatMap(({ containers }) =>
            Object.entries(containers).flatMap(([container, usage]) =>
              Object.keys(usage).map(key => `${container}/${key}`),
            ),
          ),
        ),
      ];
      const v = reply.pods.map(({ pod: podName, containers }) => [
        pod(podName),
        ...cols.map(column => {
          const [container, resource] = column.split('/') as [string, string];
          return containers[container] ? (containers[container][resource] ?? null) : false;
        }),
      ]);
      return { k: 'resource', w: reply.w, cols, v };
    }
    case 'pods':
      return { k: 'pods', name, w: reply.w, v: reply.values.map(([podName, value]) => [pod(podName), value]) };
    case 'object':
      return { k: 'object', name, v: reply.value };
    case 'external':
      return { k: 'external', name, v: reply.values };
  }
}
