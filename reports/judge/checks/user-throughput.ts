import { isFailure, type RequestRecord, timePerOutputTokenMs } from '../../../harness/requests.ts';
import { explain } from '../../explain.ts';
import { rounded } from '../../rounding.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { bufferedRemark, DELIVERY } from '../delivery.ts';
import { percentileOf, quantileEstimate, ValueCollector } from '../samples.ts';
import { samplesForUpperBound } from '../statistics.ts';

interface UserThroughputObjective extends Objective {
  /** Between 0 and 100, both excluded. */
  readonly percentile: number;
}

/** `p5(user-throughput) >= 20/s`: percentile of the output tokens per second that a user receives, 1 / TPOT. */
export const check = checkOf<UserThroughputObjective>({
  kind: 'user-throughput',
  words: ['p5'],
  reads: ({ name, argument }) => percentileOf(name) !== null && argument === 'user-throughput',
  parse(statement) {
    const percentile = percentileOf(statement.name)!;
    if (percentile <= 0 || percentile >= 100)
      throw statement.badName('a percentile between p0 and p100, both excluded; a low one, since slow users are there');
    return { percentile, ...statement.atLeast('/s') };
  },
  latencies: () => ['tpot'],
  minRequests: ({ percentile }) => samplesForUpperBound(1 - percentile / 100),
  judge,
});

/**
 * Quantile with its distribution-free interval, like that of a latency: a request that failed or was dropped before its second token has
 * a throughput of 0. A response of one token has none, and does not count.
 */
function judge(objective: UserThroughputObjective, { requests, window }: Evidence): Finding {
  const buffered = bufferedRemark(DELIVERY.of(requests));
  if (buffered) return undecided('inconclusive', buffered, requests.length);
  const q = objective.percentile / 100;
  const name = `p${objective.percentile}(user-throughput)`;
  const [all, others] = [new ValueCollector(), new ValueCollector()];
  let stalled = 0;
  requests.forEach(request => {
    const value = tokensPerSecond(request);
    if (value === null) return;
    all.add(value);
    if (value > 0) others.add(value);
    else if (value === 0) stalled += 1;
  });
  const found = quantileEstimate(all.samples(), q);
  const verdict = verdictOf(objective, found);
  const few = verdict === 'inconclusive' && found.lower === null;
  const reason = few
    ? `Too few samples: p${objective.percentile} has no lower bound with fewer than ${samplesForUpperBound(1 - q)} requests; the window has ${found.samples}.`
    : explain(objective, { ...found, verdict }, name, window);
  const served = others.samples().at(q);
  const beside = served === null ? 'no other has one' : `${name} of the others is ${Number(served.toPrecision(3))}/s`;
  const rest =
    stalled === 0
      ? ''
      : ` ${stalled} of ${requests.length} requests failed or were dropped without a second token, which counts as 0/s; ${beside}.`;
  const counted = { without: stalled, requests: requests.length, lacking: 'second token', measured: rounded(served) };
  const survivors = stalled === 0 ? undefined : counted;
  return { ...found, verdict, survivors, reason: `${reason}${rest}` };
}

function tokensPerSecond(request: RequestRecord): number | null {
  const tpotMs = timePerOutputTokenMs(request);
  if (tpotMs !== null) return 1000 / tpotMs;
  return isFailure(request) || request.outcome === 'dropped' ? 0 : null;
}
