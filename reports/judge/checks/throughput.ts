import { checkOf, type Evidence, type Finding, type Objective, rateFinding } from '../check.ts';

/** `throughput >= 20/s`: requests completed per second. */
export const check = checkOf({
  kind: 'throughput',
  words: ['throughput'],
  parse(statement) {
    statement.plain();
    return statement.atLeast('/s');
  },
  leavesOut: () => ['dropped', 'interrupted'],
  judge,
});

/**
 * Requests whose response ended within the window, whenever they were scheduled, over the window's length. The bounds are those of
 * batch means; over a ramp they are wide, because the throughput changes. The limit must be below the offered rate: more than is
 * offered can never be completed.
 */
function judge(objective: Objective, { window, run }: Evidence): Finding {
  const { fromMs, toMs } = window;
  const completed = run.records.filter(({ outcome, endMs }) => outcome === 'ok' && endMs >= fromMs && endMs < toMs);
  const timesMs = completed.map(({ endMs }) => endMs);
  const subject = `throughput, ${timesMs.length} completed in ${Number(((toMs - fromMs) / 1000).toPrecision(3))} s,`;
  return { ...rateFinding(objective, window, timesMs, subject), samples: timesMs.length };
}
