import type { Readings } from '../../../harness/metrics.ts';
import type { Balancer, Candidate, LoadReport, OnPick } from './balancer.ts';

/** Report from the metrics of an upstream; undefined if they say nothing of its load. */
export function reportOf(
  { queue, running, kvRatio }: Readings,
  atMs: number,
  inFlight: number,
): LoadReport | undefined {
  const requests = queue === undefined && running === undefined ? undefined : (queue ?? 0) + (running ?? 0);
  return requests === undefined && kvRatio === undefined ? undefined : { atMs, inFlight, requests, kvRatio };
}

/**
 * Load of a candidate by its latest report, and by what this gateway has sent it or has seen end since: otherwise all requests until the next
 * report would go to the one that reported least. A request takes as much of the KV cache as those that ran did on average.
 * @returns requests, or a ratio of the KV cache; undefined if it has not reported that within `maxAgeMs`
 */
export function reportedLoad(
  { report, inFlight }: Pick<Candidate, 'report' | 'inFlight'>,
  by: 'requests' | 'kvRatio',
  nowMs: number,
  maxAgeMs: number,
): number | undefined {
  const value = report?.[by];
  if (report === undefined || value === undefined || nowMs - report.atMs > maxAgeMs) return undefined;
  const each = by === 'requests' ? 1 : value / Math.max(1, report.requests ?? report.inFlight);
  return Math.max(0, value + (inFlight - report.inFlight) * each);
}

interface ReportedOptions {
  readonly by: 'requests' | 'kvRatio';
  readonly maxAgeMs: number;
  readonly fallback: Balancer;
  /** Called with `reported`, or with `stale` when a candidate had no recent report. */
  readonly onPick: OnPick;
}

/**
 * Picks the candidate that reports the least load, of equal ones that with the fewest attempts in flight. Those without a recent report are
 * compared with it by least connections, so that one whose metrics cannot be read still gets its part, and if none has one, they all are.
 */
export function leastReported({ by, maxAgeMs, fallback, onPick }: ReportedOptions): Balancer {
  return <T extends Candidate>(candidates: readonly T[], ...[exchange, nowMs]: Rest): T => {
    let best: T | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    let unknown: T[] | undefined;
    for (const candidate of candidates) {
      const load = reportedLoad(candidate, by, nowMs, maxAgeMs);
      if (load === undefined) {
        unknown ??= [];
        unknown.push(candidate);
        continue;
      }
      const isLess = load < bestLoad || (load === bestLoad && candidate.inFlight < best!.inFlight);
      if (isLess) [best, bestLoad] = [candidate, load];
    }
    onPick(unknown ? 'stale' : 'reported');
    if (!unknown) return best!;
    return fallback(best ? [...unknown, best] : unknown, exchange, nowMs);
  };
}

type Rest = Parameters<Balancer> extends [unknown, ...infer Others] ? Others : never;
