import { countOf } from '../../../harness/requests.ts';
import { textsThat } from '../../store/requests/chunk-columns.ts';
import { batchOf, checkOf, type Evidence, type Finding, type Objective, rateFinding } from '../check.ts';
import { eachColumns } from '../folds/folding.ts';
import { isOkText } from '../folds/latencies.ts';
import { BATCHES } from '../statistics.ts';
import { tokensIn } from '../tokens.ts';

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
  if (of) {
    const completed = run.records.filter(({ outcome }) => outcome === 'ok');
    const counts = tokensIn({ fromMs, partMs: (toMs - fromMs) / BATCHES, count: BATCHES }, completed);
    const total = Math.round(counts.reduce((sum, count) => sum + count, 0));
    const subject = `throughput (${total} output tokens in ${seconds})`;
    const samples = countOf(completed, ({ scheduledMs, endMs }) => endMs >= fromMs && scheduledMs < toMs);
    return { ...rateFinding(objective, window, counts, subject), samples };
  }
  const counts = new Array<number>(BATCHES).fill(0);
  let ended = 0;
  eachColumns(run.records, columns => {
    const [endMs, outcomes, isOk] = [columns.values('endMs'), columns.values('outcome'), textsThat(columns, isOkText)];
    for (let row = 0; row < columns.rows; row += 1) {
      if (isOk[outcomes[row]!] !== 1 || endMs[row]! < fromMs || endMs[row]! >= toMs) continue;
      ended += 1;
      counts[batchOf(window, endMs[row]!)]! += 1;
    }
  });
  const subject = `throughput (${ended} completed in ${seconds})`;
  return { ...rateFinding(objective, window, counts, subject), samples: ended };
}
