import type { TimelineSeries } from '../../../store/run-document.ts';

/** A chart on a screen has no room for more points, and a file of bounded size none for more numbers. */
const MOST_SLOTS = 600;

/**
 * Joins neighbouring slots until at most 600 remain, so that the report of a long soak stays small. Nothing bad is averaged
 * away: a joined slot keeps the worst latency, the fewest ready replicas and the fullest
 * queue; rates become means.
 */
export function thinTimeline(timeline: TimelineSeries): TimelineSeries {
  const factor = Math.ceil(timeline.offered.length / MOST_SLOTS);
  if (factor <= 1) return timeline;
  const join = <T>(values: readonly T[], merge: (group: readonly T[]) => T) =>
    Array.from({ length: Math.ceil(values.length / factor) }, (_, index) =>
      merge(values.slice(index * factor, (index + 1) * factor)),
    );
  const worst = (group: readonly (number | null)[]) => {
    const seen = group.filter(value => value !== null);
    return seen.length === 0 ? null : Math.max(...seen);
  };
  const { metrics } = timeline;
  const mean = (group: readonly number[]) => group.reduce((sum, value) => sum + value, 0) / group.length;
  return {
    slotMs: timeline.slotMs * factor,
    ttftP50Ms: join(timeline.ttftP50Ms, worst),
    ttftP90Ms: join(timeline.ttftP90Ms, worst),
    ttftP99Ms: join(timeline.ttftP99Ms, worst),
    latencyP50Ms: join(timeline.latencyP50Ms, worst),
    latencyP99Ms: join(timeline.latencyP99Ms, worst),
    offered: join(timeline.offered, mean),
    completed: join(timeline.completed, mean),
    failed: join(timeline.failed, mean),
    dropped: join(timeline.dropped, mean),
    ...(timeline.attempts && { attempts: join(timeline.attempts, mean) }),
    ready: Object.fromEntries(
      Object.entries(timeline.ready).map(([service, counts]) => [service, join(counts, group => Math.min(...group))]),
    ),
    ...(metrics && {
      metrics: {
        maxWaiting: join(metrics.maxWaiting, worst),
        waiting: join(metrics.waiting, worst),
        running: join(metrics.running, worst),
        gpuPercent: join(metrics.gpuPercent, worst),
        kvCachePercent: join(metrics.kvCachePercent, worst),
        gpuMemoryPercent: join(metrics.gpuMemoryPercent, worst),
      },
    }),
  };
}
