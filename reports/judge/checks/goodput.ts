import { latencyMs, type RequestRecord, timeToFirstTokenMs } from '../../../harness/requests.ts';
import { type Check, type Evidence, explain, verdictOf } from '../check.ts';
import type { GoodputObjective } from '../objective.ts';
import { BATCHES, batchMeanBounds, ratioBounds } from '../statistics.ts';

/**
 * Requests that got their whole answer within all of the deadlines, counted from their scheduled arrival through all attempts.
 *
 * | limit | measured | bounds |
 * |---|---|---|
 * | `>= 95%` | of all requests of the window, also those that were dropped, abandoned or failed | exact binomial |
 * | `>= 20/s` | per second, by scheduled arrival | batch means over ten equal parts |
 *
 * Only what the end of the run cut off is left out of the share, for it might have come in time.
 */
export const checkGoodput: Check<GoodputObjective> = (objective, evidence) =>
  objective.unit === '%' ? share(objective, evidence) : perSecond(objective, evidence);

function share(objective: GoodputObjective, { requests }: Evidence): ReturnType<Check> {
  const base = requests.filter(request => request.outcome !== 'interrupted');
  const hits = base.filter(request => isGood(objective, request)).length;
  if (base.length === 0) {
    const none = { measured: null, lower: null, upper: null, samples: 0 };
    return { ...none, verdict: 'inconclusive', reason: 'No request of the window ended by itself.' };
  }
  const ratio = ratioBounds(hits, base.length);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const reason = explain(verdict, `goodput, ${hits} of ${base.length} requests in time,`);
  return { measured: (100 * hits) / base.length, ...bounds, samples: base.length, verdict, reason };
}

function perSecond(objective: GoodputObjective, { window, run }: Evidence): ReturnType<Check> {
  const batchMs = (window.toMs - window.fromMs) / BATCHES;
  const counts = new Array<number>(BATCHES).fill(0);
  let samples = 0;
  for (const request of run.records) {
    if (request.scheduledMs < window.fromMs || request.scheduledMs >= window.toMs) continue;
    samples += 1;
    if (!isGood(objective, request)) continue;
    const batch = Math.min(BATCHES - 1, Math.floor((request.scheduledMs - window.fromMs) / batchMs));
    counts[batch] = counts[batch]! + 1;
  }
  const hits = counts.reduce((sum, count) => sum + count, 0);
  const interval = batchMeanBounds(counts);
  const rate = (count: number) => (count * 1000) / batchMs;
  const bounds = { lower: rate(interval.lower), upper: rate(interval.upper) };
  const verdict = verdictOf(objective, bounds);
  const reason = explain(verdict, `goodput, ${hits} of ${samples} requests in time,`);
  return { measured: rate(hits / BATCHES), ...bounds, samples, verdict, reason };
}

function isGood({ deadlines }: GoodputObjective, request: RequestRecord): boolean {
  if (request.outcome !== 'ok') return false;
  return deadlines.every(({ metric, limitMs }) => {
    const tookMs = metric === 'ttft' ? timeToFirstTokenMs(request) : latencyMs(request);
    return tookMs !== null && tookMs <= limitMs;
  });
}
