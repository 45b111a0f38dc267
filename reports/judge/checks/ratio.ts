import { errorKind, isFailure, type Outcome, type RequestRecord } from '../../../harness/requests.ts';
import { checkOf, type Evidence, type Finding, type Objective, ratioFinding, undecided } from '../check.ts';
import { OUTCOMES, totalOf } from '../folds/outcomes.ts';
import { timeoutRemark } from '../measure.ts';
import type { Statement } from '../statement.ts';
import { samplesForRatio } from '../statistics.ts';

const MEASURES = ['errors', 'availability', 'dropped', 'abandoned'] as const;
const FAILURES: readonly Outcome[] = [
  'empty',
  'engine-abort',
  'connection-refused',
  'reset',
  'connect-timeout',
  'first-token-timeout',
  'idle-timeout',
  'http-status',
  'truncated',
  'malformed',
  'client-timeout',
  'lost',
];

interface RatioObjective extends Objective {
  readonly measure: (typeof MEASURES)[number];
  /** Kinds of failures that count; null for all. */
  readonly kinds: readonly string[] | null;
}

/** `errors <= 1%`, `errors(http-503) <= 3%`, `errors(reset, truncated) <= 1%`, `availability >= 99.9%`, `dropped <= 0.1%`, `abandoned <= 5%`. */
export const check = checkOf<RatioObjective>({
  kind: 'ratio',
  words: MEASURES,
  parse(statement) {
    const measure = statement.name as RatioObjective['measure'];
    if (measure !== 'errors') statement.plain();
    const kinds = statement.argument?.split(',').map(text => kindOf(text.trim(), statement)) ?? null;
    return { measure, kinds, ...(measure === 'availability' ? statement.atLeast('%') : statement.atMost('%')) };
  },
  minRequests: ({ measure, limit }) => samplesForRatio((measure === 'availability' ? 100 - limit : limit) / 100),
  leavesOut({ measure }) {
    if (measure === 'dropped') return [];
    return measure === 'abandoned' ? ['dropped', 'interrupted'] : ['dropped', 'abandoned', 'interrupted'];
  },
  tally: objective => ({
    allowedRatio: (objective.measure === 'availability' ? 100 - objective.limit : objective.limit) / 100,
    isBad: request => {
      if (objective.measure !== 'dropped' && !isEnded(objective, request)) return null;
      return counts(objective, request) !== (objective.measure === 'availability');
    },
  }),
  judge,
});

function kindOf(text: string, statement: Statement): string {
  return /^http-[1-5]\d\d$/.test(text) ? text : statement.oneOf(FAILURES, 'a kind of failure, or http-<status>,', text);
}

/**
 * Ratios in percent with exact binomial bounds.
 *
 * | measure | counts | out of |
 * |---|---|---|
 * | `errors` | failed requests | completed and failed requests |
 * | `errors(kind, …)` | failures of these kinds (`http-status`: any status) | the same |
 * | `availability` | completed requests | the same |
 * | `dropped` | arrivals that were never sent | all arrivals |
 * | `abandoned` | requests whose client stopped waiting, unless counted as failed | these, and completed and failed requests |
 *
 * A dropped arrival is not an error: the generator reached its own limit, and what the service would have done is unknown. Only
 * `dropped` judges it, and with many dropped arrivals the run is invalid (see `gates.ts`).
 */
function judge(objective: RatioObjective, { requests, window }: Evidence): Finding {
  const outcomes = OUTCOMES.of(requests);
  const counted = outcomes.filter(one => objective.measure === 'dropped' || isEnded(objective, one));
  const [base, hits] = [totalOf(counted), totalOf(counted, one => counts(objective, one))];
  if (base === 0) return undecided('inconclusive', 'No request of the window completed or failed.');
  const found = ratioFinding(objective, hits, base, `${objective.measure} (${hits} of ${base} requests)`, window);
  const isOnFailures = objective.measure === 'errors' || objective.measure === 'availability';
  if (found.verdict === 'pass' || !isOnFailures) return found;
  const failures = outcomes.filter(one => isFailure(one) && (objective.kinds === null || counts(objective, one)));
  return { ...found, reason: `${found.reason}${timeoutRemark(failures)}` };
}

type Ended = Pick<RequestRecord, 'outcome' | 'status'>;

function isEnded({ measure }: RatioObjective, request: Ended): boolean {
  return request.outcome === 'ok' || isFailure(request) || (measure === 'abandoned' && request.outcome === 'abandoned');
}

function counts({ measure, kinds }: RatioObjective, request: Ended): boolean {
  if (measure === 'dropped' || measure === 'abandoned') return request.outcome === measure;
  if (measure === 'availability') return request.outcome === 'ok';
  return isFailure(request) && (!kinds || kinds.includes(request.outcome) || kinds.includes(errorKind(request)));
}
