import type { LoadProgress } from '../../harness/contracts.ts';

/** The progress of a worker that has not sent anything. */
export const NOTHING_YET: LoadProgress = {
  sent: 0,
  completed: 0,
  failed: 0,
  dropped: 0,
  inFlight: 0,
  recentP99TtftMs: null,
  recentPerSecond: 0,
  warmUp: { completed: 0, failures: {} },
};

/**
 * What several workers did together. Counts add up. A quantile of all cannot be had from those of the parts, so `recentP99TtftMs`
 * is the largest of them, which it never exceeds; it is for the progress line alone, verdicts rest on the records.
 */
export function sumProgress(parts: readonly LoadProgress[]): LoadProgress {
  const sum = (of: (part: LoadProgress) => number) => parts.reduce((total, part) => total + of(part), 0);
  const p99s = parts.map(part => part.recentP99TtftMs).filter(ms => ms !== null);
  return {
    sent: sum(part => part.sent),
    completed: sum(part => part.completed),
    failed: sum(part => part.failed),
    dropped: sum(part => part.dropped),
    inFlight: sum(part => part.inFlight),
    recentP99TtftMs: p99s.length === 0 ? null : Math.max(...p99s),
    recentPerSecond: sum(part => part.recentPerSecond),
    warmUp: {
      completed: sum(part => part.warmUp.completed),
      failures: parts.reduce((total, part) => addCounts(total, part.warmUp.failures), {}),
    },
  };
}

/** Adds counts by name to others, in place. */
export function addCounts(
  total: Record<string, number>,
  more: Readonly<Record<string, number>>,
): Record<string, number> {
  for (const [name, count] of Object.entries(more)) total[name] = (total[name] ?? 0) + count;
  return total;
}
