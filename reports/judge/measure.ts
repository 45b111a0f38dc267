import { formatMs } from '../../harness/quantity.ts';
import { countOf, isFailure, type RequestRecord, type Requests, TIMEOUT_FIELDS } from '../../harness/requests.ts';
import { formatPercent, rounded } from '../rounding.ts';
import type { Survivors } from '../store/run-document.ts';
import { type OutcomeCount, OutcomeCounter, totalOf } from './folds/outcomes.ts';
import { hasValue, LATENCIES, type LatencyMetric, type Samples, samplesOf, VALUES, withInfinite } from './samples.ts';
import type { Statement } from './statement.ts';

/** Latency in an objective: `ttft`, or `ttft | completed`. */
export interface Measure {
  readonly metric: LatencyMetric;
  /** Whether only requests that completed count; absent for no. */
  readonly completed?: true;
}

/** Reads `ttft`, or `ttft | completed`; undefined for any other text. */
export function measureOf(text: string | null): Measure | undefined {
  const [name = '', only, ...more] = (text ?? '').split('|').map(part => part.trim());
  const metric = LATENCIES.find(latency => latency === name);
  if (!metric || more.length > 0 || (only !== undefined && only !== 'completed')) return undefined;
  return { metric, ...(only && { completed: true }) };
}

/** The argument of a statement, which must be a {@link Measure}. @throws BadObjective */
export function measureIn(statement: Statement): Measure {
  const measure = measureOf(statement.argument);
  if (measure) return measure;
  const [name = '', ...rest] = (statement.argument ?? '').split('|').map(part => part.trim());
  const only = rest.join(' | ');
  if (only !== '' && LATENCIES.some(latency => latency === name))
    throw statement.badArgument(only, `"completed" after "|" in ${statement.name}(${name} | completed)`);
  return { metric: statement.oneOf(LATENCIES, 'a latency') };
}

/** A measure as objectives write it. */
export function measureText({ metric, completed }: Measure): string {
  return completed ? `${metric} | completed` : metric;
}

/**
 * Samples of a measure as an SLO judges them. A quantile of those that were served would flatter a service that is dead for the rest:
 * a request that failed or was dropped without the value is slower than every other, at infinity. Abandoned and interrupted requests
 * are in no sample, since nobody knows what they would have had; nor are those that completed and have no such value, such as the time
 * per output token of a single token.
 */
export function judgedSamples({ metric, completed }: Measure, requests: Requests): Samples {
  if (completed) return samplesOf(metric, requests.filter(isCompleted));
  return withInfinite(samplesOf(metric, requests), totalOf(worstIn(metric, requests)));
}

/**
 * Value of a request in ms, as in {@link judgedSamples}: infinite for one that counts as slower than every other. Null for one that does not
 * count, and for gaps between tokens, of which a request has many.
 */
export function judgedValue({ metric, completed }: Measure, request: RequestRecord): number | null {
  if (metric === 'itl' || (completed && !isCompleted(request))) return null;
  return VALUES[metric](request) ?? (isWorst(metric, request) ? Number.POSITIVE_INFINITY : null);
}

/** Whether a request misses a limit, by its {@link judgedValue}; null for one that does not count. */
export function missesIn(
  measure: Measure,
  request: RequestRecord,
  isTooMuch: (value: number) => boolean,
): boolean | null {
  const value = judgedValue(measure, request);
  return value === null ? null : value === Number.POSITIVE_INFINITY || isTooMuch(value);
}

function isCompleted({ outcome }: RequestRecord): boolean {
  return outcome === 'ok';
}

/** Requests that are worse than every value of a metric, counted once for all that look at the same ones. */
function worstIn(metric: LatencyMetric, requests: Requests): readonly OutcomeCount[] {
  const known = WORST.get(requests)?.get(metric);
  if (known) return known;
  const counter = new OutcomeCounter();
  requests.forEach(request => {
    if (isWorst(metric, request)) counter.add(request);
  });
  knowWorst(metric, requests, counter.counts());
  return counter.counts();
}

/** Makes requests known that are worse than every value of a metric, and were counted elsewhere. */
export function knowWorst(metric: LatencyMetric, requests: Requests, counts: readonly OutcomeCount[]): void {
  const known = WORST.get(requests) ?? new Map<LatencyMetric, readonly OutcomeCount[]>();
  WORST.set(requests, known.set(metric, counts));
}

const WORST = new WeakMap<Requests, Map<LatencyMetric, readonly OutcomeCount[]>>();

/** Whether a request is worse than every value of a metric, of which it has none. */
export function isWorst(metric: LatencyMetric, request: RequestRecord): boolean {
  const { outcome } = request;
  const counts = isFailure(request) || outcome === 'dropped' || (outcome === 'ok' && metric === 'ttft');
  return counts && !hasValue(metric, request);
}

const LACKING: Readonly<Record<LatencyMetric, string>> = {
  ttft: 'first token',
  itl: 'gap between tokens',
  tpot: 'second token',
  latency: 'complete response',
};

/**
 * Requests that count as slower than every other, and the same statistic of those that have the value; undefined if there are none.
 * @param statistic of the samples of the latter
 */
export function survivorsOf(
  { metric, completed }: Measure,
  requests: Requests,
  statistic: (samples: Samples) => number | null,
): Survivors | undefined {
  const without = completed ? 0 : totalOf(worstIn(metric, requests));
  if (without === 0) return undefined;
  const measured = rounded(statistic(samplesOf(metric, requests)));
  return { without, requests: requests.length, lacking: LACKING[metric], measured };
}

/**
 * Sentences on the requests of a window that a measure treats in a way of their own: as slower than every other, with the limits that
 * ended them, or not at all. Empty if there are none.
 * @param name of the statistic, such as `p95(ttft)`
 */
export function remarks(
  { metric, completed }: Measure,
  requests: Requests,
  name: string,
  survivors: Survivors | undefined,
): string {
  const counted = survivors?.without ?? 0;
  const having = completed
    ? countOf(requests, r => hasValue(metric, r) && isCompleted(r))
    : samplesOf(metric, requests).independent;
  const excluded = requests.length - counted - having;
  const part = (count: number) => `${count} of ${requests.length} requests (${formatPercent(count, requests.length)})`;
  return [
    survivors &&
      ` ${part(counted)} failed or were dropped without a ${survivors.lacking}, so they count as slower than every other; ${beside(name, survivors)}`,
    survivors && timeoutRemark(worstIn(metric, requests)),
    excluded > 0 &&
      ` ${part(excluded)} ${completed ? 'did not complete' : `ended without a ${LACKING[metric]}`} and are not included.`,
  ]
    .filter(Boolean)
    .join('');
}

function beside(name: string, { measured }: Survivors): string {
  return measured === null ? 'no other has one.' : `${name} of those that have one is ${formatMs(measured)}.`;
}

/** Sentence on the failures that a limit of the scenario ended, and the fields that move these limits; empty if there are none. */
export function timeoutRemark(failures: readonly OutcomeCount[]): string {
  return Object.entries(TIMEOUT_FIELDS)
    .map(([outcome, field]) => ({ outcome, field, count: totalOf(failures, one => one.outcome === outcome) }))
    .filter(({ count }) => count > 0)
    .map(({ outcome, field, count }) => ` ${count} of them failed by ${outcome}, whose limit is \`${field}\`.`)
    .join('');
}
