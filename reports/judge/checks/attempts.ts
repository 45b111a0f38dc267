import { attemptsOf } from '../../../harness/requests.ts';
import { checkOf, type Evidence, explain, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { BATCHES, ratioEstimate } from '../statistics.ts';

/** `attempts <= 1.5`: attempts per request. */
export const check = checkOf({
  kind: 'attempts',
  words: ['attempts'],
  parse(statement) {
    statement.plain();
    return statement.atMost('');
  },
  format: (_objective, limit) => `attempts ${limit}`,
  // What an abandoned request did counts.
  leavesOut: () => ['dropped', 'interrupted'],
  judge,
});

/**
 * Attempts per request: what a retry storm multiplies the load by. Every request of the window that was sent counts, whatever
 * became of it, and with it all its attempts, also those after the window's end. The bounds are those of a ratio over ten
 * equal parts of the requests in scheduled order: retries come in waves, so neighbours resemble each other.
 */
function judge(objective: Objective, { requests }: Evidence): Finding {
  const sent = requests.filter(request => request.sentMs !== null);
  if (sent.length < BATCHES) {
    const reason = `${BATCHES} requests are needed and ${sent.length} of the window were sent.`;
    return undecided('inconclusive', reason, sent.length);
  }
  const parts = Array.from({ length: BATCHES }, () => ({ sum: 0, count: 0 }));
  for (const [index, request] of sent.entries()) {
    const part = parts[Math.floor((index * BATCHES) / sent.length)]!;
    part.sum += attemptsOf(request);
    part.count += 1;
  }
  const { ratio, lower, upper } = ratioEstimate(parts);
  const bounds = { lower: Math.max(1, lower), upper };
  const verdict = verdictOf(objective, bounds);
  const attempts = parts.reduce((total, { sum }) => total + sum, 0);
  return {
    measured: ratio,
    ...bounds,
    samples: sent.length,
    verdict,
    reason: explain(verdict, `attempts, ${attempts} for ${sent.length} requests,`),
  };
}
