import type { TimedEvent } from '../../../harness/history.ts';

/** Deployment that the Scale API of a stack scales, and the service of its replicas. */
export const SCALED = 'inference';

/** Events of the scaled replicas. */
export function replicaEvents(events: readonly TimedEvent[]) {
  return events.filter(event => event.type === 'replica').filter(({ service }) => service === SCALED);
}

/** Changes of the desired number of replicas. */
export function scaleEvents(events: readonly TimedEvent[]) {
  return events.filter(event => event.type === 'scale').filter(({ deployment }) => deployment === SCALED);
}

/** Decisions of the autoscaler, in order. */
export function decisionEvents(events: readonly TimedEvent[]) {
  return events
    .filter(event => event.type === 'decision')
    .filter(({ deployment }) => deployment === SCALED)
    .sort((a, b) => a.atMs - b.atMs);
}

/**
 * Each decision with the condition ScalingActive as of it, where that was false: then nothing followed from its metrics, or its policy
 * failed. A change of the condition is logged after its decision.
 */
export function activity(events: readonly TimedEvent[]) {
  const changes = events
    .filter(event => event.type === 'condition')
    .filter(({ deployment, condition }) => deployment === SCALED && condition === 'ScalingActive');
  const decisions = decisionEvents(events);
  return decisions.map((decision, index) => {
    const untilMs = decisions[index + 1]?.atMs ?? Number.POSITIVE_INFINITY;
    const last = changes.findLast(({ atMs }) => atMs < untilMs);
    return { decision, inactive: last?.status === 'False' ? last : undefined };
  });
}

/** Replicas that a change of their number adds or ends. */
export function replicasOf({ from, to, replicas }: ReturnType<typeof scaleEvents>[number]): readonly string[] {
  if (replicas) return replicas;
  const first = Math.min(from, to);
  return Array.from({ length: Math.abs(to - from) }, (_, index) => `${SCALED}-${first + index + 1}`);
}
