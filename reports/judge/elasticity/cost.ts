import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import { dollarsOf, nodeSpans } from './nodes.ts';
import { replicaMs } from './provision.ts';

/** What a stretch of a run cost. */
export interface Cost {
  readonly dollars: number;
  /** Nodes or replicas on average over the time. */
  readonly instances: number;
  /** Where prices are from, such as `replicas at 3 $/h`. */
  readonly source: string;
}

const HOUR_MS = 3_600_000;

/**
 * Cost from `fromMs` to `toMs`: of the nodes by the prices of their pools, or where a stack has none, of the replicas that exist. Time is
 * that of the run: rates are those of real time, too, so that a cost per request does not depend on `timeScale`. Undefined without
 * prices.
 */
export function costOf(
  { stack }: Pick<RunPlan, 'stack'>,
  events: readonly TimedEvent[],
  fromMs: number,
  toMs: number,
): Cost | undefined {
  if (toMs <= fromMs) return undefined;
  const spans = nodeSpans(events, fromMs, toMs);
  if (spans.length > 0) {
    const dollars = spans.reduce((sum, span) => sum + dollarsOf(span), 0);
    const instances = spans.reduce((sum, span) => sum + span.toMs - span.fromMs, 0) / (toMs - fromMs);
    return { dollars, instances, source: 'nodes at the prices of their pools' };
  }
  const { pricePerHour } = (stack.inference ?? {}) as { readonly pricePerHour?: number };
  if (pricePerHour === undefined) return undefined;
  const existedMs = replicaMs(events, fromMs, toMs);
  return {
    dollars: (existedMs / HOUR_MS) * pricePerHour,
    instances: existedMs / (toMs - fromMs),
    source: `replicas at ${pricePerHour} $/h`,
  };
}
