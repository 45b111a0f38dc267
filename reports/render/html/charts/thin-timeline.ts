import type { TimelineSeries } from '../../../store/run-document.ts';

/** Limit of the slots, as more points fit neither on a screen nor into a small file. */
const MAX_SLOTS = 600;

/**
 * Merges neighbouring slots until at most 600 remain, so that the report of a long run stays small. Problems are not averaged away: a
 * merged slot keeps the highest latency, the fewest ready replicas and the longest queue; rates are averaged.
 */
export function thinTimeline(timeline: TimelineSeries): TimelineSeries {
  const factor = Math.ceil(timeline.offered.length / MAX_SLOTS);
  if (factor <= 1) return timeline;
  const merged = <T>(values: readonly T[], fold: (group: readonly T[]) => T) =>
    Array.from({ length: Math.ceil(values.length / factor) }, (_, index) =>
      fold(values.slice(index * factor, (index + 1) * factor)),
    );
  const worst = (group: readonly (number | null)[]) => {
    const seen = group.filter(value => value !== null);
    return seen.length === 0 ? null : Math.max(...seen);
  };
  const { metrics } = timeline;
  const mean = (group: readonly number[]) => group.reduce((sum, value) => sum + value, 0) / group.length;
  return {
    slotMs: timeline.slotMs * factor,
    ttftP50Ms: merged(timeline.ttftP50Ms, worst),
    ttftP90Ms: merged(timeline.ttftP90Ms, worst),
    ttftP99Ms: merged(timeline.ttftP99Ms, worst),
    latencyP50Ms: merged(timeline.latencyP50Ms, worst),
    latencyP99Ms: merged(timeline.latencyP99Ms, worst),
    offered: merged(timeline.offered, mean),
    completed: merged(timeline.completed, mean),
    failed: merged(timeline.failed, mean),
    dropped: merged(timeline.dropped, mean),
    ...(timeline.attempts && { attempts: merged(timeline.attempts, mean) }),
    ready: Object.fromEntries(
      Object.entries(timeline.ready).map(([service, counts]) => [service, merged(counts, group => Math.min(...group))]),
    ),
    ...(metrics && {
      metrics: {
        maxWaiting: merged(metrics.maxWaiting, worst),
        waiting: merged(metrics.waiting, worst),
        running: merged(metrics.running, worst),
        gpuPercent: merged(metrics.gpuPercent, worst),
        kvCachePercent: merged(metrics.kvCachePercent, worst),
        gpuMemoryPercent: merged(metrics.gpuMemoryPercent, worst),
      },
    }),
  };
}
