import { attemptsOf } from '../../../harness/requests.ts';
import { explain } from '../../explain.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { BATCHES, ratioEstimate } from '../statistics.ts';

/** `attempts <= 1.5`: attempts per request, the factor by which a retry storm multiplies the load. */
export const check = checkOf({
  kind: 'attempts',
  words: ['attempts'],
  parse(statement) {
    statement.plain();
    return statement.atMost('');
  },
  // Abandoned requests count.
  leavesOut: () => ['dropped', 'interrupted'],
  judge,
});

/**
 * Every sent request of the window counts, whatever its outcome, with all its attempts, including those after the window's end. The
 * bounds are those of a ratio over ten equal parts of the requests in scheduled order: retries come in waves, so neighbouring requests
 * are correlated.
 */
function judge(objective: Objective, { requests, window }: Evidence): Finding {
  const sent = requests.filter(request => request.sentMs !== null);
  if (sent.length < BATCHES) {
    const reason = `Only ${sent.length} requests of the window were sent; the minimum is ${BATCHES}.`;
    return undecided('inconclusive', reason, sent.length);
  }
  const parts = Array.from({ length: BATCHES }, () => ({ sum: 0, count: 0 }));
  let index = 0;
  sent.forEach(request => {
    const part = parts[Math.floor((index * BATCHES) / sent.length)]!;
    part.sum += attemptsOf(request);
    part.count += 1;
    index += 1;
  });
  const { ratio, lower, upper } = ratioEstimate(parts);
  const bounds = { lower: Math.max(1, lower), upper };
  const verdict = verdictOf(objective, bounds);
  const attempts = parts.reduce((total, { sum }) => total + sum, 0);
  const found = { measured: ratio, ...bounds, samples: sent.length, verdict };
  return { ...found, reason: explain(objective, found, `attempts (${attempts} for ${sent.length} requests)`, window) };
}
