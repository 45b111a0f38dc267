import { durationMs } from '../../../harness/quantity.ts';
import { latencyMs, type RequestRecord, timeToFirstTokenMs } from '../../../harness/requests.ts';
import { type Columns, textsThat } from '../../store/requests/chunk-columns.ts';
import {
  batchOf,
  checkOf,
  type Evidence,
  type Finding,
  type Objective,
  rateFinding,
  ratioFinding,
  undecided,
} from '../check.ts';
import { type Folding, folded } from '../folds/folding.ts';
import { isOkText, latenciesIn } from '../folds/latencies.ts';
import { OUTCOMES } from '../folds/outcomes.ts';
import { timeoutRemark } from '../measure.ts';
import type { Statement } from '../statement.ts';
import { BATCHES, samplesForRatio } from '../statistics.ts';

interface GoodputObjective extends Objective {
  readonly deadlines: readonly { readonly metric: 'ttft' | 'latency'; readonly limitMs: number }[];
}

/** `goodput(ttft 500 ms, latency 4 s) >= 95%`, `goodput(2 s) >= 20/s`: requests that completed in time. */
export const check = checkOf<GoodputObjective>({
  kind: 'goodput',
  words: ['goodput'],
  parse: statement => ({
    deadlines: deadlinesOf(statement),
    ...statement.atLeast(statement.endsWith('%') ? '%' : '/s'),
  }),
  latencies: ({ deadlines }) => deadlines.map(({ metric }) => metric),
  minRequests: ({ unit, limit }) => (unit === '%' ? samplesForRatio((100 - limit) / 100) : 0),
  leavesOut: () => ['interrupted'],
  tally: objective =>
    objective.unit === '%'
      ? {
          allowedRatio: (100 - objective.limit) / 100,
          isBad: request => (request.outcome === 'interrupted' ? null : !isGood(objective, request)),
        }
      : undefined,
  judge: (objective, evidence) =>
    objective.unit === '%' ? ratio(objective, evidence) : perSecond(objective, evidence),
});

/** `2 s`, or `ttft 500 ms, latency 2 s`; without a name, the deadline is that of the latency. */
function deadlinesOf(statement: Statement): GoodputObjective['deadlines'] {
  return (statement.argument ?? '').split(',').map(part => {
    const [, metric = 'latency', text = ''] = /^\s*(?:(ttft|latency)\s+)?(\d.*)$/.exec(part) ?? [];
    const limitMs = durationMs(text);
    if (limitMs !== undefined) return { metric: metric as 'ttft' | 'latency', limitMs };
    throw statement.badArgument(part, 'deadlines in parentheses after goodput, such as (ttft 500 ms, latency 4 s)');
  });
}

/**
 * Requests that completed within all of the deadlines, which count from the scheduled arrival over all attempts.
 *
 * | limit | measured | bounds |
 * |---|---|---|
 * | `>= 95%` | of all requests of the window, including dropped, abandoned and failed ones | exact binomial |
 * | `>= 20/s` | per second, by scheduled arrival | batch means over ten equal parts |
 *
 * Only requests interrupted by the end of the run are excluded from the ratio, since they might have completed in time.
 */
function ratio(objective: GoodputObjective, { requests, window }: Evidence): Finding {
  const { base, hits } = folded(goodFold(objective), requests);
  if (base === 0) return undecided('inconclusive', 'No request of the window ended by itself.');
  const found = ratioFinding(objective, hits, base, `goodput (${hits} of ${base} requests in time)`, window);
  return found.verdict === 'pass'
    ? found
    : { ...found, reason: `${found.reason}${timeoutRemark(OUTCOMES.of(requests))}` };
}

function goodFold({ deadlines }: GoodputObjective): Folding<{ readonly base: number; readonly hits: number }> {
  let [base, hits] = [0, 0];
  const visit = (columns: Columns) => {
    const latencies = latenciesIn(columns);
    const [outcomes, isOk] = [columns.values('outcome'), textsThat(columns, isOkText)];
    const isInterrupted = textsThat(columns, isInterruptedText);
    const limits = deadlines.map(({ metric, limitMs }) => ({ values: latencies[metric], limitMs }));
    for (let row = 0; row < columns.rows; row += 1) {
      const outcome = outcomes[row]!;
      if (isInterrupted[outcome] === 1) continue;
      base += 1;
      let isInTime = isOk[outcome] === 1;
      for (const { values, limitMs } of limits) isInTime &&= values[row]! <= limitMs;
      if (isInTime) hits += 1;
    }
  };
  return { visit, result: () => ({ base, hits }) };
}

function isInterruptedText(outcome: string): boolean {
  return outcome === 'interrupted';
}

function perSecond(objective: GoodputObjective, { window, run }: Evidence): Finding {
  const arrived = run.records.filter(({ scheduledMs }) => scheduledMs >= window.fromMs && scheduledMs < window.toMs);
  const good = arrived.filter(request => isGood(objective, request));
  const counts = new Array<number>(BATCHES).fill(0);
  good.forEach(({ scheduledMs }) => {
    counts[batchOf(window, scheduledMs)]! += 1;
  });
  const subject = `goodput (${good.length} of ${arrived.length} requests in time)`;
  return { ...rateFinding(objective, window, counts, subject), samples: arrived.length };
}

function isGood({ deadlines }: GoodputObjective, request: RequestRecord): boolean {
  if (request.outcome !== 'ok') return false;
  return deadlines.every(({ metric, limitMs }) => {
    const tookMs = metric === 'ttft' ? timeToFirstTokenMs(request) : latencyMs(request);
    return tookMs !== null && tookMs <= limitMs;
  });
}
