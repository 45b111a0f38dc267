import { MAX_INT32, MAX_INT64, toInt32, toInt64, wrapInt64 } from './integers.ts';
import { type Pod, readyPods } from './pods.ts';
import { MetricFailure } from './readings.ts';
import { isWithin, type Tolerances } from './tolerance.ts';

/** What a metric that is one value for all pods is judged with. */
export interface TotalsContext {
  /** Desired replicas of the workload now. */
  readonly current: number;
  /** Replicas that exist, which are more than desired during a rolling update. */
  readonly existing: number;
  readonly pods: readonly Pod[];
  readonly tolerances: Tolerances;
}

/** A number of replicas, and the value it comes from, in thousandths. */
export interface TotalsProposal {
  readonly replicas: number;
  readonly milli: bigint;
}

/**
 * Replicas in proportion to value and target, from the number of ready pods; from 0 replicas as many as the ratio.
 * @throws MetricFailure if there are replicas but no pods
 */
export function proposeForValue(
  milli: bigint,
  targetMilli: bigint,
  { current, pods, tolerances }: TotalsContext,
): TotalsProposal {
  const ratio = Number(milli) / Number(targetMilli);
  if (current === 0) return { replicas: toInt32(Math.ceil(ratio)), milli };
  if (isWithin(ratio, tolerances)) return { replicas: current, milli };
  if (pods.length === 0) throw new MetricFailure('no pod has the labels of the target');
  return { replicas: ceilCapped(ratio * readyPods(pods)), milli };
}

/**
 * Replicas so that each has `targetMilli` of a value that they share.
 * @param isCapped whether the largest count stands for all larger ones, as for external metrics; otherwise they overflow
 */
export function proposeForShare(
  milli: bigint,
  targetMilli: bigint,
  isCapped: boolean,
  { existing, tolerances }: TotalsContext,
): TotalsProposal {
  const ratio = Number(milli) / (Number(targetMilli) * existing);
  const needed = Number(milli) / Number(targetMilli);
  const ceiling = isCapped ? ceilCapped(needed) : toInt32(Math.ceil(needed));
  const isHuge = isCapped && Number(milli) >= Number(MAX_INT64);
  const each = isHuge ? MAX_INT64 : toInt64(Math.ceil(Number(milli) / existing));
  return { replicas: isWithin(ratio, tolerances) ? existing : ceiling, milli: each };
}

/** Sum of the series of an external metric with a target for the whole: at most 64 bits. */
export function sumForValue(series: readonly bigint[]): bigint {
  let sum = 0n;
  for (const milli of series) {
    if (milli > 0n && sum + milli > MAX_INT64) return MAX_INT64;
    sum = wrapInt64(sum + milli);
  }
  return sum;
}

/** Sum of the series of an external metric with a target per replica. Whenever it is negative it counts as an overflow: the largest. */
export function sumForShare(series: readonly bigint[]): bigint {
  let sum = 0n;
  for (const milli of series) {
    sum = wrapInt64(sum + milli);
    if (sum < 0n) return MAX_INT64;
  }
  return sum;
}

function ceilCapped(value: number): number {
  return value > MAX_INT32 ? MAX_INT32 : toInt32(Math.ceil(value));
}
