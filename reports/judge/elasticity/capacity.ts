import type { TimedEvent } from '../../../harness/history.ts';
import { rounded } from '../../rounding.ts';
import type { CapacityResult, PoolResult, WaitingPod } from '../../store/capacity-results.ts';
import type { RunDocument } from '../../store/run-document.ts';
import { dollarsOf, type NodeEvent, nodeSpans } from './nodes.ts';

type PlacementEvent = Extract<TimedEvent, { readonly type: 'placement' }>;

const MAX_WAITING = 100;

/**
 * What nodes cost and held, and who waited for them, from the start of the load phase to `endMs`; nothing for a stack without nodes.
 * Durations and prices are those of the run, not scaled.
 */
export function capacityOf(events: readonly TimedEvent[], endMs: number): Pick<RunDocument, 'capacity'> {
  const nodes = events.filter(event => event.type === 'node');
  if (nodes.length === 0) return {};
  const placements = events.filter(event => event.type === 'placement');
  const poolOf = new Map(nodes.map(({ node, pool }) => [node, pool]));
  const pools = [...Map.groupBy(nodes, ({ pool }) => pool)].map(([pool, own]) =>
    poolResult(
      own,
      placements.filter(({ node }) => node !== undefined && poolOf.get(node) === pool),
      endMs,
    ),
  );
  const waiting = [...Map.groupBy(placements, ({ replica }) => replica).values()]
    .flatMap(own => waitingPod(own, endMs))
    .sort((a, b) => b.waitedMs - a.waitedMs);
  return {
    capacity: { pools, waiting: waiting.slice(0, MAX_WAITING), waited: waiting.length } satisfies CapacityResult,
  };
}

/** Length in ms of what lasts from `fromMs` to `toMs`, within the load phase. */
function within(fromMs: number, toMs: number, endMs: number): number {
  return Math.max(0, Math.min(toMs, endMs) - Math.max(0, fromMs));
}

function poolResult(nodes: readonly NodeEvent[], placements: readonly PlacementEvent[], endMs: number): PoolResult {
  const { pool, spot = false } = nodes[0]!;
  const spans = nodeSpans(nodes, 0, endMs);
  const nodeMs = spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const gpuMs = spans.reduce((sum, { node, fromMs, toMs }) => sum + (toMs - fromMs) * node.gpus, 0);
  const ends = new Map(spans.map(({ node, toMs }) => [node.node, toMs]));
  let occupiedMs = 0;
  for (const own of Map.groupBy(placements, ({ replica }) => replica).values())
    for (const [nth, { state, node, gpus, atMs }] of own.entries())
      if (state === 'placed')
        occupiedMs += gpus * within(atMs, Math.min(own[nth + 1]?.atMs ?? endMs, ends.get(node!) ?? 0), endMs);
  const during = nodes.filter(({ atMs }) => atMs >= 0 && atMs <= endMs);
  return {
    pool,
    spot,
    nodes: endMs > 0 ? rounded(nodeMs / endMs) : 0,
    booted: during.filter(({ state }) => state === 'booting').length,
    taken: during.filter(({ state }) => state === 'taken').length,
    dollars: rounded(
      spans.reduce((sum, span) => sum + dollarsOf(span), 0),
      6,
    ),
    occupied: gpuMs > 0 ? rounded(occupiedMs / gpuMs) : null,
  };
}

/** A wait lasts from `pending` until the pod has a place, or is not wanted any more; several reasons in a row are one wait. */
function waitingPod(placements: readonly PlacementEvent[], endMs: number): WaitingPod[] {
  let [waitedMs, longestMs, reason, isPending] = [0, 0, '', false];
  for (const [nth, { state, atMs, reason: why }] of placements.entries()) {
    if (state !== 'pending' || atMs > endMs) continue;
    const next = placements[nth + 1];
    const ms = within(atMs, next?.atMs ?? endMs, endMs);
    waitedMs += ms;
    isPending = (next?.atMs ?? Number.POSITIVE_INFINITY) > endMs;
    if (ms > longestMs || reason === '') [longestMs, reason] = [ms, why];
  }
  const evicted = placements.filter(({ state, atMs }) => state === 'evicted' && atMs >= 0 && atMs <= endMs);
  if (waitedMs === 0 && evicted.length === 0) return [];
  const { replica, service } = placements[0]!;
  const said = reason || (evicted.at(-1)?.reason ?? '');
  return [{ replica, service, waitedMs: rounded(waitedMs), isPending, evictions: evicted.length, reason: said }];
}
