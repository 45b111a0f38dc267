import type { TimedEvent } from '../../../harness/history.ts';

/** Event of a node. */
export type NodeEvent = Extract<TimedEvent, { readonly type: 'node' }>;

/** Time for which a node is paid. */
export interface NodeSpan {
  /** The first event of the node. */
  readonly node: NodeEvent;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Length of a span in hours of the run, times the price of its node. */
export function dollarsOf({ node, fromMs, toMs }: NodeSpan): number {
  return ((toMs - fromMs) / 3_600_000) * node.pricePerHour;
}

/** Times for which nodes are paid, within the bounds: from their boot, or their being ready at first, until they are taken or stopped. */
export function nodeSpans(events: readonly TimedEvent[], fromMs: number, toMs: number): NodeSpan[] {
  const begun = new Map<string, NodeEvent>();
  const spans: NodeSpan[] = [];
  const end = (name: string, atMs: number) => {
    const node = begun.get(name);
    begun.delete(name);
    const span = node && { node, fromMs: Math.max(fromMs, node.atMs), toMs: Math.min(toMs, atMs) };
    if (span && span.toMs > span.fromMs) spans.push(span);
  };
  for (const event of events) {
    if (event.type !== 'node') continue;
    if (event.state === 'taken' || event.state === 'stopped') end(event.node, event.atMs);
    else if (!begun.has(event.node)) begun.set(event.node, event);
  }
  for (const node of begun.keys()) end(node, toMs);
  return spans;
}
