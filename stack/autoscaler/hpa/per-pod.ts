import { toInt32, wrapInt64 } from './integers.ts';
import { groupPods, type Pod, type Reading, requestOf } from './pods.ts';
import { MetricFailure } from './readings.ts';
import type { HpaSettings } from './settings.ts';
import { isWithin, type Tolerances } from './tolerance.ts';

/** What a metric of pods is judged with. */
export interface PodsContext {
  /** Desired replicas of the workload now. */
  readonly current: number;
  readonly pods: readonly Pod[];
  readonly tolerances: Tolerances;
  readonly settings: HpaSettings;
  readonly nowMs: number;
}

/** A number of replicas from a metric of pods, and what was measured. */
export interface PodsProposal {
  readonly replicas: number;
  /** Average over the pods that count, in thousandths. */
  readonly averageMilli: bigint;
  /** The same in percent of the request; only with a target in percent. */
  readonly percent?: number;
}

/** How far a set of readings is from the target. */
interface Usage extends Omit<PodsProposal, 'replicas'> {
  /** 1: on target. */
  readonly ratio: number;
}

interface Target {
  usage(readings: ReadonlyMap<string, Reading>): Usage;
  /** Reading of a pod without one, when the others say that there are too many. */
  fillDown(pod: string): bigint;
}

/**
 * Replicas so that the average of a metric over the pods becomes `targetMilli`.
 * @param resource name of the resource, if the metric is one
 * @throws MetricFailure if no pod has a reading that counts
 */
export function proposeForAverage(
  readings: ReadonlyMap<string, Reading>,
  targetMilli: bigint,
  resource: string | undefined,
  context: PodsContext,
): PodsProposal {
  const usage: Target['usage'] = counted => {
    const averageMilli = wrapInt64(total([...counted.values()].map(({ milli }) => milli))) / BigInt(counted.size);
    return { ratio: Number(averageMilli) / Number(targetMilli), averageMilli };
  };
  return propose(readings, resource, context, () => ({ usage, fillDown: () => targetMilli }));
}

/**
 * Replicas so that the usage of a resource becomes `targetPercent` of what the pods request.
 * @param container the one that counts; undefined: the whole pod
 * @throws MetricFailure if no pod has a reading that counts, or one has no request
 */
export function proposeForUtilization(
  readings: ReadonlyMap<string, Reading>,
  targetPercent: number,
  resource: string,
  container: string | undefined,
  context: PodsContext,
): PodsProposal {
  return propose(readings, resource, context, () => {
    const requests = new Map(context.pods.map(pod => [pod.name, requestIn(pod, resource, container)]));
    // A pod whose metric is unknown might need all that it requests.
    const fallback = BigInt(Math.max(100, targetPercent));
    return {
      usage: counted => utilization(counted, requests, targetPercent),
      fillDown: pod => (requests.get(pod)! * fallback) / 100n,
    };
  });
}

/** Readings of pods that do not exist have no request, and do not count. */
function utilization(
  counted: ReadonlyMap<string, Reading>,
  requests: ReadonlyMap<string, bigint>,
  targetPercent: number,
): Usage {
  const known = [...counted].filter(([pod]) => requests.has(pod));
  const used = wrapInt64(total(known.map(([, { milli }]) => milli)));
  const requested = wrapInt64(total(known.map(([pod]) => requests.get(pod)!)));
  if (requested === 0n) throw new MetricFailure('none of the metrics is one of a known pod');
  const percent = Number(BigInt.asIntN(32, wrapInt64(used * 100n) / requested));
  return { ratio: percent / targetPercent, percent, averageMilli: used / BigInt(known.length) };
}

function propose(
  all: ReadonlyMap<string, Reading>,
  resource: string | undefined,
  { current, pods, tolerances, settings, nowMs }: PodsContext,
  targetOf: () => Target,
): PodsProposal {
  if (pods.length === 0) throw new MetricFailure('no pod has the labels of the target');
  const { readyCount, unready, missing, ignored } = groupPods(pods, all, resource, settings, nowMs);
  const readings = new Map(all);
  for (const pod of [...ignored, ...unready]) readings.delete(pod);
  if (readings.size === 0) throw new MetricFailure('no metric of a ready pod was received');
  const target = targetOf();
  const { ratio, ...measured } = target.usage(readings);
  const stay = { replicas: current, ...measured };
  const damps = ratio > 1 ? unready.length + missing.length > 0 : missing.length > 0;
  if (!damps) {
    const replicas = isWithin(ratio, tolerances) ? current : toInt32(Math.ceil(ratio * readyCount));
    return { replicas, ...measured };
  }
  // Assume what speaks against the change, so that too little knowledge never exaggerates it.
  const fill = (pod: string, milli: bigint) => readings.set(pod, { milli, atMs: 0, windowMs: 0 });
  if (ratio < 1) for (const pod of missing) fill(pod, target.fillDown(pod));
  if (ratio > 1) for (const pod of [...missing, ...unready]) fill(pod, 0n);
  const { ratio: filled } = target.usage(readings);
  const isTurned = (ratio < 1 && filled > 1) || (ratio > 1 && filled < 1);
  if (isWithin(filled, tolerances) || isTurned) return stay;
  const replicas = toInt32(Math.ceil(filled * readings.size));
  const isBackwards = (filled < 1 && replicas > current) || (filled > 1 && replicas < current);
  return isBackwards ? stay : { replicas, ...measured };
}

function requestIn(pod: Pod, resource: string, container: string | undefined): bigint {
  const request = requestOf(pod, resource, container);
  if (typeof request === 'string') throw new MetricFailure(request);
  return request;
}

function total(values: readonly bigint[]): bigint {
  return values.reduce((sum, value) => sum + value, 0n);
}
