import type { TimedEvent } from '../../harness/history.ts';
import { attemptsOf, errorKind, isFailure, type RequestRecord } from '../../harness/requests.ts';
import { requestsIn, type Window } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { RunDocument, WindowResult } from '../store/run-document.ts';
import { deliveryOf } from './delivery.ts';
import { hasValue, quantilesOf, samplesOf, valueSamples } from './samples.ts';

/**
 * Counts of the load, without the warm-up. `offered` includes dropped arrivals; interrupted requests count only in `sent`.
 * `lateMsP99` is the delay between scheduled and actual sending, caused by the generator; null where that does not report when
 * requests were due.
 */
export function loadCounts(
  engine: string,
  records: readonly RequestRecord[],
  events: readonly TimedEvent[],
): RunDocument['load'] {
  const measured = records.filter(record => record.scheduledMs >= 0);
  const late = measured.filter(record => record.sentMs !== null).map(record => record.sentMs! - record.scheduledMs);
  const usage = events.find(event => event.type === 'load')?.summary;
  return {
    engine,
    offered: measured.length,
    sent: late.length,
    completed: measured.filter(record => record.outcome === 'ok').length,
    failed: measured.filter(isFailure).length,
    dropped: measured.filter(record => record.outcome === 'dropped').length,
    ...optionalCounts(measured),
    ...promptTokens(measured),
    lateMsP99: usage?.lateness === 'unknown' ? null : rounded(valueSamples(late).at(0.99)),
    ...(usage?.connections && { connections: usage.connections }),
    cpuCores: usage && usage.wallMs > 0 ? rounded(usage.cpuMs / usage.wallMs) : null,
  };
}

/** Result of a window: counts, errors by kind in alphabetical order, and quantiles. */
export function windowResult(window: Window, records: readonly RequestRecord[]): WindowResult {
  const requests = requestsIn(window, records);
  const failures = requests.filter(isFailure);
  const { tokensPerRead } = deliveryOf(requests);
  const errors = new Map<string, number>();
  for (const failure of failures) errors.set(errorKind(failure), (errors.get(errorKind(failure)) ?? 0) + 1);
  return {
    name: window.name,
    fromMs: rounded(window.fromMs),
    toMs: rounded(window.toMs),
    requests: requests.length,
    failed: failures.length,
    dropped: requests.filter(request => request.outcome === 'dropped').length,
    ...optionalCounts(requests),
    errors: Object.fromEntries([...errors].sort(([a], [b]) => (a < b ? -1 : 1))),
    latencyMs: quantilesOf(samplesOf('latency', requests)),
    ttftMs: quantilesOf(samplesOf('ttft', requests)),
    itlMs: quantilesOf(samplesOf('itl', requests)),
    tpotMs: quantilesOf(samplesOf('tpot', requests)),
    without: {
      ttft: requests.filter(request => !hasValue('ttft', request)).length,
      latency: requests.filter(request => !hasValue('latency', request)).length,
    },
    ...(tokensPerRead !== null && { tokensPerRead: rounded(tokensPerRead) }),
  };
}

/** Tokens of the prompts of which the server told its own count. */
function promptTokens(records: readonly RequestRecord[]): Pick<RunDocument['load'], 'promptTokens'> {
  const told = records.filter(({ usedPromptTokens }) => usedPromptTokens !== undefined);
  if (told.length === 0) return {};
  const sum = (of: (record: RequestRecord) => number) => told.reduce((total, record) => total + of(record), 0);
  const knowsCache = told.some(({ cachedPromptTokens }) => cachedPromptTokens !== undefined);
  return {
    promptTokens: {
      requests: told.length,
      planned: sum(record => record.promptTokens),
      counted: sum(record => record.usedPromptTokens!),
      ...(knowsCache && { cached: sum(record => record.cachedPromptTokens ?? 0) }),
    },
  };
}

/** Counts that only some runs have: abandoned and resent requests, and attempts where clients retry. */
function optionalCounts(records: readonly RequestRecord[]): {
  readonly abandoned?: number;
  readonly resent?: number;
  readonly attempts?: number;
} {
  const abandoned = records.filter(record => record.outcome === 'abandoned').length;
  const resent = records.filter(record => record.resent).length;
  const retried = records.some(record => record.attempts !== undefined);
  return {
    ...(abandoned > 0 && { abandoned }),
    ...(resent > 0 && { resent }),
    ...(retried && { attempts: records.reduce((sum, record) => sum + attemptsOf(record), 0) }),
  };
}
