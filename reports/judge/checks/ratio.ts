import { errorKind, isFailure, type Outcome, type RequestRecord } from '../../../harness/requests.ts';
import { checkOf, type Evidence, explain, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { ratioBounds } from '../statistics.ts';

const MEASURES = ['errors', 'availability', 'dropped', 'abandoned'] as const;
const FAILURES: readonly Outcome[] = [
  'connection-refused',
  'reset',
  'connect-timeout',
  'idle-timeout',
  'http-status',
  'truncated',
  'malformed',
  'client-timeout',
];

interface RatioObjective extends Objective {
  readonly measure: (typeof MEASURES)[number];
  /** Only failures of this kind count; null for all. */
  readonly outcome: string | null;
}

/** `errors <= 1%`, `errors(http-503) <= 3%`, `availability >= 99.9%`, `dropped <= 0.1%`, `abandoned <= 5%`. */
export const check = checkOf<RatioObjective>({
  kind: 'ratio',
  words: MEASURES,
  parse(statement) {
    const measure = statement.name as RatioObjective['measure'];
    let outcome = null;
    if (measure !== 'errors') statement.plain();
    else if (/^http-[1-5]\d\d$/.test(statement.argument ?? '')) outcome = statement.argument;
    else if (statement.argument !== null) outcome = statement.oneOf(FAILURES, 'a way to fail, or http-<status>,');
    return { measure, outcome, ...(measure === 'availability' ? statement.atLeast('%') : statement.atMost('%')) };
  },
  format: ({ measure, outcome }, limit) => `${measure}${outcome === null ? '' : `(${outcome})`} ${limit}`,
  leavesOut({ measure }) {
    if (measure === 'dropped') return [];
    return measure === 'abandoned' ? ['dropped', 'interrupted'] : ['dropped', 'abandoned', 'interrupted'];
  },
  judge,
});

/**
 * Ratios in percent with exact binomial bounds.
 *
 * | measure | counts | out of |
 * |---|---|---|
 * | `errors` | failed requests | requests that were sent and ended by themselves |
 * | `errors(kind)` | those that failed that way (`http-status`: any status) | the same |
 * | `availability` | requests that got their whole answer | the same |
 * | `dropped` | arrivals that were never sent | all arrivals |
 * | `abandoned` | requests whose client had waited enough, and that do not count as failed | these, and those that ended by themselves |
 *
 * A dropped arrival is no error: the generator had reached its own bound, so what the service would have done with it is
 * unknown. It is judged apart by `dropped`, and where many are dropped nothing else passes (see `gates.ts`).
 */
function judge(objective: RatioObjective, { requests }: Evidence): Finding {
  const base = requests.filter(r => objective.measure === 'dropped' || isEnded(objective, r));
  const hits = base.filter(request => counts(objective, request)).length;
  if (base.length === 0) return undecided('inconclusive', 'No request of the window was sent and ended by itself.');
  const ratio = ratioBounds(hits, base.length);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const counted = `${hits} of ${base.length} requests`;
  return {
    measured: (100 * hits) / base.length,
    ...bounds,
    samples: base.length,
    verdict,
    reason: `${explain(verdict, `${objective.measure}, ${counted},`)}`,
  };
}

function isEnded({ measure }: RatioObjective, request: RequestRecord): boolean {
  return request.outcome === 'ok' || isFailure(request) || (measure === 'abandoned' && request.outcome === 'abandoned');
}

function counts({ measure, outcome }: RatioObjective, request: RequestRecord): boolean {
  if (measure === 'dropped' || measure === 'abandoned') return request.outcome === measure;
  if (measure === 'availability') return request.outcome === 'ok';
  return isFailure(request) && (outcome === null || outcome === request.outcome || outcome === errorKind(request));
}
