import type { TimedEvent } from '../../harness/history.ts';
import { attemptsOf, isFailure, type RequestRecord } from '../../harness/requests.ts';
import { rounded } from '../rounding.ts';
import type { RunDocument } from '../store/run-document.ts';
import { valueSamples } from './samples.ts';

/**
 * Counts the load, warm-up left out. `offered` is every arrival that came due, also the dropped ones; interrupted requests are
 * in `sent` alone. `lateMsP99` is how far sending lagged behind the schedule, which is the generator's own doing; null where it
 * does not say when requests were due.
 */
export function loadCounts(
  engine: string,
  records: readonly RequestRecord[],
  events: readonly TimedEvent[],
): RunDocument['load'] {
  const driven = records.filter(record => record.scheduledMs >= 0);
  const late = driven.filter(record => record.sentMs !== null).map(record => record.sentMs! - record.scheduledMs);
  const usage = events.find(event => event.type === 'load')?.summary;
  return {
    engine,
    offered: driven.length,
    sent: late.length,
    completed: driven.filter(record => record.outcome === 'ok').length,
    failed: driven.filter(isFailure).length,
    dropped: driven.filter(record => record.outcome === 'dropped').length,
    ...optionalCounts(driven),
    lateMsP99: usage?.lateness === 'unknown' ? null : rounded(valueSamples(late).at(0.99)),
    cpuCores: usage && usage.wallMs > 0 ? rounded(usage.cpuMs / usage.wallMs) : null,
  };
}

/** What only some runs have: abandoned requests, and attempts where clients retry. */
export function optionalCounts(records: readonly RequestRecord[]): {
  readonly abandoned?: number;
  readonly attempts?: number;
} {
  const abandoned = records.filter(record => record.outcome === 'abandoned').length;
  const retried = records.some(record => record.attempts !== undefined);
  return {
    ...(abandoned > 0 && { abandoned }),
    ...(retried && { attempts: records.reduce((sum, record) => sum + attemptsOf(record), 0) }),
  };
}
