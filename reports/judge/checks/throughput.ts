import type { RequestRecord } from '../../../harness/requests.ts';
import type { Window } from '../../../harness/windows.ts';
import { batchOf, checkOf, type Evidence, type Finding, type Objective, rateFinding } from '../check.ts';
import { BATCHES } from '../statistics.ts';

interface ThroughputObjective extends Objective {
  /** What is counted. @default completed requests */
  readonly of?: 'output-tokens';
}

/** `throughput >= 20/s`: requests completed per second; `throughput(output-tokens) >= 500/s`: their tokens. */
export const check = checkOf<ThroughputObjective>({
  kind: 'throughput',
  words: ['throughput'],
  parse(statement) {
    const of = statement.argument === null ? undefined : statement.oneOf(['output-tokens'], 'what is counted');
    return { ...(of && { of }), ...statement.atLeast('/s') };
  },
  // The times of tokens, which engines that measure no time per token do not know.
  latencies: ({ of }) => (of ? ['tpot'] : []),
  leavesOut: () => ['dropped', 'interrupted'],
  judge,
});

/**
 * Requests whose response ended within the window, whenever they were scheduled, over the window's length. The bounds are those of
 * batch means; over a ramp they are wide, because the throughput changes. The limit must be below the offered rate: more than is
 * offered can never be completed. Output tokens are those of completed requests, spread evenly from the first to the last of each
 * response, so that only those within the window count.
 */
function judge({ of, ...objective }: ThroughputObjective, { window, run }: Evidence): Finding {
  const { fromMs, toMs } = window;
  const seconds = `${Number(((toMs - fromMs) / 1000).toPrecision(3))} s`;
  const completed = run.records.filter(({ outcome }) => outcome === 'ok');
  if (of) {
    const counts = tokenCounts(window, completed);
    const total = Math.round(counts.reduce((sum, count) => sum + count, 0));
    const subject = `throughput (${total} output tokens in ${seconds})`;
    const samples = completed.filter(({ scheduledMs, endMs }) => endMs >= fromMs && scheduledMs < toMs).length;
    return { ...rateFinding(objective, window, counts, subject), samples };
  }
  const ended = completed.filter(({ endMs }) => endMs >= fromMs && endMs < toMs);
  const counts = new Array<number>(BATCHES).fill(0);
  for (const { endMs } of ended) counts[batchOf(window, endMs)]! += 1;
  const subject = `throughput (${ended.length} completed in ${seconds})`;
  return { ...rateFinding(objective, window, counts, subject), samples: ended.length };
}

/** Output tokens in each of {@link BATCHES} equal parts of a window. */
function tokenCounts({ fromMs, toMs }: Window, completed: readonly RequestRecord[]): number[] {
  const batchMs = (toMs - fromMs) / BATCHES;
  const counts = new Array<number>(BATCHES).fill(0);
  for (const { firstTokenMs, lastTokenMs, endMs, outputTokens } of completed) {
    if (firstTokenMs === null) continue;
    // A single token, or all at once, is an instant.
    const startMs = firstTokenMs;
    const stopMs = Math.max(lastTokenMs ?? endMs, startMs + 1e-3);
    const first = Math.max(0, Math.floor((startMs - fromMs) / batchMs));
    for (let i = first; i < BATCHES && fromMs + i * batchMs < stopMs; i += 1) {
      const overlapMs = Math.min(stopMs, fromMs + (i + 1) * batchMs) - Math.max(startMs, fromMs + i * batchMs);
      if (overlapMs > 0) counts[i]! += (outputTokens * overlapMs) / (stopMs - startMs);
    }
  }
  return counts;
}
