import type { HpaSettings } from './settings.ts';

/** What the autoscaler knows of a pod. Times are in ms on the clock of `now`. */
export interface Pod {
  readonly name: string;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly startedAtMs?: number;
  /** Its Ready condition, and when it last changed. */
  readonly ready?: { readonly status: 'True' | 'False' | 'Unknown'; readonly sinceMs: number };
  readonly isDeleted?: boolean;
  /** Thousandths of each resource that each container requests: `{ main: { cpu: 500n } }`. */
  readonly requests: Readonly<Record<string, Readonly<Record<string, bigint>>>>;
  /** Thousandths of each resource that the pod itself requests. */
  readonly podRequests?: Readonly<Record<string, bigint>>;
}

/** One metric of one pod. */
export interface Reading {
  /** Thousandths. */
  readonly milli: bigint;
  /** End and length of the time that it was measured over. */
  readonly atMs: number;
  readonly windowMs: number;
}

/** Pods by what their metric is worth. */
export interface PodGroups {
  /** Number of pods whose reading counts. */
  readonly readyCount: number;
  /** Names of pods whose readings, if any, do not count yet. */
  readonly unready: readonly string[];
  /** Names of running pods without a reading. */
  readonly missing: readonly string[];
  /** Names of pods that are gone or going. */
  readonly ignored: readonly string[];
}

/**
 * Sorts pods into those groups. Readiness matters for the resource `cpu` only, since a pod that starts uses more of it than it will.
 * @param resource name of the resource, if the metric is one
 */
export function groupPods(
  pods: readonly Pod[],
  readings: ReadonlyMap<string, Reading>,
  resource: string | undefined,
  settings: HpaSettings,
  nowMs: number,
): PodGroups {
  const unready: string[] = [];
  const missing: string[] = [];
  const ignored: string[] = [];
  let readyCount = 0;
  for (const pod of pods) {
    const reading = readings.get(pod.name);
    if (pod.isDeleted || pod.phase === 'Failed') ignored.push(pod.name);
    else if (pod.phase === 'Pending') unready.push(pod.name);
    else if (!reading) missing.push(pod.name);
    else if (resource === 'cpu' && isStarting(pod, reading, settings, nowMs)) unready.push(pod.name);
    else readyCount += 1;
  }
  return { readyCount, unready, missing, ignored };
}

/** Whether the processor time of a pod is still that of its start. */
function isStarting({ startedAtMs, ready }: Pod, reading: Reading, settings: HpaSettings, nowMs: number): boolean {
  if (!ready || startedAtMs === undefined) return true;
  const isUnready = ready.status === 'False';
  // Young: a sample counts once its whole window lies after the last change of readiness.
  if (startedAtMs + settings.cpuInitializationPeriodMs > nowMs)
    return isUnready || reading.atMs < ready.sinceMs + reading.windowMs;
  // Old: only one that was never ready, which is one that became unready soon after its start.
  return isUnready && startedAtMs + settings.initialReadinessDelayMs > ready.sinceMs;
}

/** Number of pods that run and are ready. */
export function readyPods(pods: readonly Pod[]): number {
  return pods.filter(({ phase, ready }) => phase === 'Running' && ready?.status === 'True').length;
}

/**
 * Thousandths of a resource that a pod requests, or why that is unknown.
 * @param container the one that counts; undefined: all, or what the pod itself requests
 */
export function requestOf(pod: Pod, resource: string, container: string | undefined): bigint | string {
  const { requests, podRequests, name } = pod;
  if (container !== undefined) {
    const ofContainer = requests[container];
    if (!ofContainer) return `pod ${name} has no container ${container}`;
    return ofContainer[resource] ?? `container ${container} of pod ${name} requests no ${resource}`;
  }
  const known = Object.values(requests).flatMap(each => each[resource] ?? []);
  const total = known.reduce((sum, milli) => sum + milli, 0n);
  if (podRequests && Object.keys(podRequests).length > 0) {
    if (podRequests[resource] !== undefined) return podRequests[resource];
    return known.length > 0 ? total : `pod ${name} requests no ${resource}`;
  }
  const without = Object.keys(requests).find(each => requests[each]![resource] === undefined);
  return without === undefined ? total : `container ${without} of pod ${name} requests no ${resource}`;
}
