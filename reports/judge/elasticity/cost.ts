import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
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
    const dollars = spans.reduce((sum, { ms, pricePerHour }) => sum + (ms / HOUR_MS) * pricePerHour, 0);
    const instances = spans.reduce((sum, { ms }) => sum + ms, 0) / (toMs - fromMs);
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

/** Times for which nodes are paid, within the bounds: from their boot, or their being ready at first, until they are taken or stopped. */
function nodeSpans(events: readonly TimedEvent[], fromMs: number, toMs: number) {
  const begun = new Map<string, { readonly fromMs: number; readonly pricePerHour: number }>();
  const spans: { readonly ms: number; readonly pricePerHour: number }[] = [];
  const end = (node: string, atMs: number) => {
    const open = begun.get(node);
    begun.delete(node);
    const ms = open ? Math.min(toMs, atMs) - Math.max(fromMs, open.fromMs) : 0;
    if (open && ms > 0) spans.push({ ms, pricePerHour: open.pricePerHour });
  };
  for (const event of events) {
    if (event.type !== 'node') continue;
    const { node, state, pricePerHour, atMs } = event;
    if (state === 'taken' || state === 'stopped') end(node, atMs);
    else if (!begun.has(node)) begun.set(node, { fromMs: atMs, pricePerHour });
  }
  for (const node of begun.keys()) end(node, toMs);
  return spans;
}
