import type { LoadProgress, LoadSummary } from '../../../harness/contracts.ts';

/** The progress of a worker that has not sent anything. */
export const NOTHING_YET: LoadProgress = {
  sent: 0,
  completed: 0,
  failed: 0,
  dropped: 0,
  inFlight: 0,
  recentP99TtftMs: null,
  recentPerSecond: 0,
  warmUp: { completed: 0, failed: 0 },
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
    warmUp: { completed: sum(part => part.warmUp.completed), failed: sum(part => part.warmUp.failed) },
  };
}

/** What several generators that worked at the same time say of themselves together: CPU and memory add up, time does not. */
export function sumSummaries(parts: readonly LoadSummary[]): LoadSummary {
  const cores = parts.map(part => part.cores).filter(count => count !== undefined);
  const requests = parts.map(part => part.requests).filter(count => count !== undefined);
  return {
    ...(requests.length === parts.length ? { requests: requests.reduce((total, count) => total + count, 0) } : {}),
    ...(cores.length === parts.length ? { cores: cores.reduce((total, count) => total + count, 0) } : {}),
    cpuMs: parts.reduce((total, part) => total + part.cpuMs, 0),
    wallMs: Math.max(0, ...parts.map(part => part.wallMs)),
    peakRssBytes: parts.reduce((total, part) => total + part.peakRssBytes, 0),
  };
}
