import { eventually } from '../../../../until.ts';
import type { Api } from './api.ts';
import type { PodView } from './script.ts';

/** A pod's state as recordings have it: phase, start (s since 1970), Ready, its last transition (s), deletion (s). */
export type SeenState = [string, number | null, string | null, number | null, number?];

/** The pods of a case from `atMs` on: names with their states, in the order of their creation. */
export interface PodSnapshot {
  readonly atMs: number;
  readonly pods: readonly (readonly [ordinal: number, SeenState])[];
}

/** The pods of one namespace. */
export interface NamespacePods {
  /** Called for each new one; what it returns is waited for before the pod counts as settled. */
  onAdded: (name: string, ordinal: number) => Promise<unknown> | undefined;
  /** Called for each that is to be deleted and is still there. */
  onDeleting: (name: string) => void;
  has(name: string): boolean;
  view(): PodView[];
  snapshots(): readonly PodSnapshot[];
  ordinals(): ReadonlyMap<string, number>;
  /** Waits until so many pods are there, in the state that they begin with. @throws Error if they are not in time */
  settled(count: number, limitMs: number): Promise<void>;
}

/** Watches the pods of all cases. */
export interface PodWatch {
  of(namespace: string): NamespacePods;
  /** Ends once `signal` aborts. */
  readonly ended: Promise<void>;
}

interface SeenPod {
  readonly ordinal: number;
  readonly state: SeenState;
}

// biome-ignore lint/suspicious/noExplicitAny: an object of Kubernetes.
type Pod = any;

/** Starts to watch the pods of all namespaces that have the label `app=d`. */
export function watchPods(api: Api, signal: AbortSignal): PodWatch {
  const namespaces = new Map<string, Tracked>();
  const of = (namespace: string) => {
    const found = namespaces.get(namespace) ?? tracked();
    namespaces.set(namespace, found);
    return found;
  };
  const ended = api.watch('/api/v1/pods?watch=1&labelSelector=app%3Dd', signal, (type, pod: Pod) => {
    of(pod.metadata.namespace).seen(type, pod);
  });
  // Whoever waits for it is told; an earlier failure of the recording must not be hidden by this one.
  ended.catch(() => undefined);
  return { of, ended };
}

type Tracked = NamespacePods & { seen(type: string, pod: Pod): void };

function tracked(): Tracked {
  const ordinals = new Map<string, number>();
  const pods = new Map<string, SeenPod>();
  const snapshots: PodSnapshot[] = [];
  const settling = new Set<string>();
  const deleting = new Set<string>();
  const self: Tracked = {
    onAdded: () => undefined,
    onDeleting: () => undefined,
    has: name => pods.has(name),
    view: () =>
      [...pods].map(([name, { ordinal, state }]) => ({ name, ordinal, phase: state[0], isDeleted: state.length > 4 })),
    snapshots: () => snapshots,
    ordinals: () => ordinals,
    async settled(count, limitMs) {
      const isSo = () => ordinals.size >= count && settling.size === 0;
      if (!(await eventually(isSo, limitMs))) throw new Error(`Expected ${count} pods, got ${ordinals.size}`);
    },
    seen(type, pod) {
      const { name } = pod.metadata;
      const isNew = !ordinals.has(name);
      if (isNew) ordinals.set(name, ordinals.size);
      const ordinal = ordinals.get(name)!;
      if (type === 'DELETED') pods.delete(name);
      else pods.set(name, { ordinal, state: stateOf(pod) });
      snapshots.push({ atMs: Date.now(), pods: [...pods.values()].map(seen => [seen.ordinal, seen.state] as const) });
      if (isNew) {
        settling.add(name);
        const isSettled = () => settling.delete(name);
        void Promise.resolve(self.onAdded(name, ordinal)).then(isSettled, isSettled);
      }
      if (type !== 'DELETED' && pod.metadata.deletionTimestamp && !deleting.has(name)) {
        deleting.add(name);
        self.onDeleting(name);
      }
    },
  };
  return self;
}

function stateOf({ metadata, status }: Pod): SeenState {
  const seconds = (time: string | undefined) => (time === undefined ? null : Date.parse(time) / 1000);
  const ready = status.conditions?.find(({ type }: { type: string }) => type === 'Ready');
  const state: SeenState = [
    status.phase,
    seconds(status.startTime),
    ready?.status ?? null,
    seconds(ready?.lastTransitionTime),
  ];
  const deleted = seconds(metadata.deletionTimestamp);
  return deleted === null ? state : [...(state as [string, number | null, string | null, number | null]), deleted];
}
