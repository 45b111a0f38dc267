import { checkOf, type Evidence, explain, type Finding, type Objective, verdictOf } from '../check.ts';
import { BATCHES, batchMeanBounds } from '../statistics.ts';

/** `throughput >= 20/s`: requests completed per second. */
export const check = checkOf({
  kind: 'throughput',
  words: ['throughput'],
  parse(statement) {
    statement.plain();
    return statement.atLeast('/s');
  },
  format: (_objective, limit) => `throughput ${limit}`,
  leavesOut: () => ['dropped', 'interrupted'],
  judge,
});

/**
 * Requests completed per second: those whose answer ended inside the window, whenever they were scheduled, over the window's
 * length. The bounds are those of batch means over ten equal parts; over a ramp they are wide, because there the window has
 * no one throughput. Ask for less than the offered rate: more than is offered can never be completed.
 */
function judge(objective: Objective, { window, run }: Evidence): Finding {
  const batchMs = (window.toMs - window.fromMs) / BATCHES;
  const counts = new Array<number>(BATCHES).fill(0);
  for (const { outcome, endMs } of run.records) {
    if (outcome !== 'ok' || endMs < window.fromMs || endMs >= window.toMs) continue;
    const batch = Math.min(BATCHES - 1, Math.floor((endMs - window.fromMs) / batchMs));
    counts[batch] = counts[batch]! + 1;
  }
  const completed = counts.reduce((sum, count) => sum + count, 0);
  const perSecond = (count: number) => (count * 1000) / batchMs;
  const interval = batchMeanBounds(counts);
  const bounds = { lower: perSecond(interval.lower), upper: perSecond(interval.upper) };
  const verdict = verdictOf(objective, bounds);
  return {
    measured: perSecond(completed / BATCHES),
    ...bounds,
    samples: completed,
    verdict,
    reason: explain(verdict, `throughput, ${completed} completed in ${Number((batchMs / 100).toPrecision(3))} s,`),
  };
}
