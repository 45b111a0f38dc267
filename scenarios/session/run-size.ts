import type { RunPlan } from '../../harness/plan.ts';

/** Arrivals from which on a run is a long one: its requests are sealed while it goes on, and its size is known before. */
export const LONG_ARRIVALS = 50_000;

/** Bytes of a request, as measured: in `requests.parquet`, and in the logs of Squall's own gateway and replicas. */
const REQUEST_BYTES = 55;
const LOG_BYTES = 800;
/** Memory that judging takes, without requests and for each of them; see docs/reports.md. */
const JUDGE_BYTES = { base: 250e6, perRequest: 13 };

/** What a long run takes, in bytes: on disk its requests and its logs, and in memory its judgement. */
export interface RunSize {
  readonly requests: number;
  /** 0 for a target that Squall did not start. */
  readonly logs: number;
  readonly memory: number;
}

/** Estimated size of a run; undefined for a short one, and for a closed loop, whose arrivals nobody knows. */
export function sizeOf({ arrivals, target }: Pick<RunPlan, 'arrivals' | 'target'>): RunSize | undefined {
  if (!arrivals || arrivals.count < LONG_ARRIVALS) return undefined;
  return {
    requests: arrivals.count * REQUEST_BYTES,
    logs: target === undefined ? arrivals.count * LOG_BYTES : 0,
    memory: JUDGE_BYTES.base + arrivals.count * JUDGE_BYTES.perRequest,
  };
}

/** Bytes that a run takes on disk, as far as they are known beforehand. */
export function diskBytesOf(plan: Pick<RunPlan, 'arrivals' | 'target'>): number {
  const { requests = 0, logs = 0 } = sizeOf(plan) ?? {};
  return requests + logs;
}

/** `140 MB` or `2.1 GB`, with two digits. */
export function formatBytes(bytes: number): string {
  return bytes < 1e9 ? `${Number((bytes / 1e6).toPrecision(2))} MB` : `${Number((bytes / 1e9).toPrecision(2))} GB`;
}
