import { errorKind, isFailure, type RequestRecord } from '../../harness/requests.ts';
import { requestsIn, type Window } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { WindowResult } from '../store/run-document.ts';
import { optionalCounts } from './load-counts.ts';
import { quantilesOf, samplesOf } from './samples.ts';

/** Result of a window: counts, errors by kind in alphabetical order, and quantiles. */
export function windowResult(window: Window, records: readonly RequestRecord[]): WindowResult {
  const requests = requestsIn(window, records);
  const failures = requests.filter(isFailure);
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
  };
}
