import type { LoadProgress } from '../../harness/contracts.ts';
import { notesOf } from '../../harness/load-summary.ts';

/** Progress of a worker that has not sent anything. */
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
 * Combined progress of several workers. Counts add up. `recentP99TtftMs` is the largest of the parts, an upper bound, since quantiles
 * cannot be combined; it is only for the progress line.
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
    ...notesOf(parts),
    warmUp: {
      completed: sum(part => part.warmUp.completed),
      failures: parts.reduce((total, part) => addCounts(total, part.warmUp.failures), {}),
    },
  };
}

/** Adds named counts to `total`, in place. */
export function addCounts(
  total: Record<string, number>,
  more: Readonly<Record<string, number>>,
): Record<string, number> {
  for (const [name, count] of Object.entries(more)) total[name] = (total[name] ?? 0) + count;
  return total;
}
