import { durationMs } from '../../../harness/quantity.ts';
import { latencyMs, type RequestRecord, timeToFirstTokenMs } from '../../../harness/requests.ts';
import { checkOf, type Evidence, explain, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import type { Statement } from '../statement.ts';
import { BATCHES, batchMeanBounds, ratioBounds } from '../statistics.ts';

interface GoodputObjective extends Objective {
  readonly deadlines: readonly { readonly metric: 'ttft' | 'latency'; readonly limitMs: number }[];
}

/** `goodput(ttft 500 ms, latency 4 s) >= 95%`, `goodput(2 s) >= 20/s`: answered in time. */
export const check = checkOf<GoodputObjective>({
  kind: 'goodput',
  words: ['goodput'],
  parse: statement => ({
    deadlines: deadlinesOf(statement),
    ...statement.atLeast(statement.endsWith('%') ? '%' : '/s'),
  }),
  format({ deadlines }, limit) {
    return `goodput(${deadlines.map(({ metric, limitMs }) => `${metric} ${limitMs} ms`).join(', ')}) ${limit}`;
  },
  latencies: ({ deadlines }) => deadlines.map(({ metric }) => metric),
  leavesOut: () => ['interrupted'],
  judge: (objective, evidence) =>
    objective.unit === '%' ? share(objective, evidence) : perSecond(objective, evidence),
});

/** `2 s`, or `ttft 500 ms, latency 2 s`; without a name it is the whole answer's. */
function deadlinesOf(statement: Statement): GoodputObjective['deadlines'] {
  return (statement.argument ?? '').split(',').map(part => {
    const [, metric = 'latency', text = ''] = /^\s*(?:(ttft|latency)\s+)?(\d.*)$/.exec(part) ?? [];
    const limitMs = durationMs(text);
    if (limitMs !== undefined) return { metric: metric as 'ttft' | 'latency', limitMs };
    throw statement.badArgument(part, 'deadlines in parentheses after goodput, such as (ttft 500 ms, latency 4 s)');
  });
}

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
function share(objective: GoodputObjective, { requests }: Evidence): Finding {
  const base = requests.filter(request => request.outcome !== 'interrupted');
  const hits = base.filter(request => isGood(objective, request)).length;
  if (base.length === 0) return undecided('inconclusive', 'No request of the window ended by itself.');
  const ratio = ratioBounds(hits, base.length);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const reason = explain(verdict, `goodput, ${hits} of ${base.length} requests in time,`);
  return { measured: (100 * hits) / base.length, ...bounds, samples: base.length, verdict, reason };
}

function perSecond(objective: GoodputObjective, { window, run }: Evidence): Finding {
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
