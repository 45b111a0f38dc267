import type { RunFacts } from '../../reports/judge/check.ts';
import type { Growth } from './lag-posterior.ts';

/** What is in the second half of a step. */
export interface SecondHalf {
  /** Requests that ended, over those that its rate stands for. */
  readonly endedRatio: number;
  /** Undefined where requests take too long for it, or fail, so that those in flight say nothing. */
  readonly growth?: Growth;
}

/** Ratio of requests that may fail. */
const MAX_FAILED_RATIO = 0.01;
/** Part of a step whose requests found no queue. */
const FIRST_RATIO = 0.2;
/** Shortest half of a step, in latencies of its first requests. */
const MIN_LATENCIES = 2;

/** Second half of a step, warm-up included, as far as it got. @param perSecond rate of the step; undefined of a step without arrivals */
export function secondHalfOf({ records }: RunFacts, perSecond: number): SecondHalf | undefined {
  const { fromMs, toMs } = arrivalTimes(records);
  const midMs = (fromMs + toMs) / 2;
  const arrivals = records.filter(({ scheduledMs }) => scheduledMs > midMs).length;
  if (arrivals === 0) return undefined;
  const inFlight = (ms: number) =>
    records.filter(({ scheduledMs, endMs, outcome }) => scheduledMs <= ms && (endMs > ms || outcome === 'interrupted'))
      .length;
  const requests = inFlight(toMs) - inFlight(midMs);
  const planned = (perSecond * (toMs - midMs)) / 1000;
  const endedRatio = (arrivals - requests) / planned;
  const first = [...records.filter(({ scheduledMs }) => scheduledMs <= fromMs + FIRST_RATIO * (toMs - fromMs))]
    .map(({ scheduledMs, endMs }) => endMs - scheduledMs)
    .sort((a, b) => a - b);
  const latencyMs = first[Math.floor(first.length / 2)]!;
  const failed = records.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'interrupted').length;
  if (failed > MAX_FAILED_RATIO * records.length || midMs - fromMs < MIN_LATENCIES * latencyMs) return { endedRatio };
  const served = (latencyMs * arrivals) / (toMs - midMs);
  return { endedRatio, growth: { requests, arrivals, served, loadRatio: arrivals / planned } };
}

/** First and last arrival of a step, in ms; from infinity on without any. */
export function arrivalTimes(records: RunFacts['records']): { readonly fromMs: number; readonly toMs: number } {
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  records.forEach(({ scheduledMs }) => {
    fromMs = Math.min(fromMs, scheduledMs);
    toMs = Math.max(toMs, scheduledMs);
  });
  return { fromMs, toMs };
}
