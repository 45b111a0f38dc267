import {
  attemptsOf,
  errorKind,
  isFailure,
  latencyMs,
  type RequestRecord,
  requestIdOf,
  timeToFirstTokenMs,
} from '../../../harness/requests.ts';
import { rounded } from '../../rounding.ts';
import type { NotableRequest, NotableRequests } from '../../store/run-document.ts';

/** Failed requests that are listed, and of each kind where there are more. */
const MAX_FAILED = 40;
const MAX_OF_A_KIND = 8;
/** Slowest requests that are listed, by each latency. */
const MAX_SLOWEST = 10;

/**
 * Requests of the load that a reader looks at first: the failures, or the first of each kind where there are many, in order of time, and the slowest of those that
 * have a first token or that completed, slowest first.
 * @param sender id of the run that sent the request at an index, see `senderOf`; null for a run whose requests had other ids
 */
export function notableRequests(
  records: readonly RequestRecord[],
  sender: ((index: number) => string) | null,
): NotableRequests {
  const load = records.filter(({ scheduledMs }) => scheduledMs >= 0);
  const failures = load.filter(isFailure);
  const kinds = [...Map.groupBy(failures, errorKind).values()].sort((a, b) => b.length - a.length);
  const perKind = failures.length > MAX_FAILED ? MAX_OF_A_KIND : MAX_FAILED;
  const failed = kinds.flatMap(ofKind => ofKind.slice(0, perKind)).slice(0, MAX_FAILED);
  const listed = (record: RequestRecord) => notableOf(record, sender);
  return {
    failed: failed.sort((a, b) => a.scheduledMs - b.scheduledMs).map(listed),
    failures: failures.length,
    slowestFirst: slowest(load, timeToFirstTokenMs).map(listed),
    slowest: slowest(load, latencyMs).map(listed),
  };
}

function slowest(records: readonly RequestRecord[], measure: (record: RequestRecord) => number | null) {
  return records
    .map(record => ({ record, value: measure(record) }))
    .filter(({ value }) => value !== null)
    .sort((a, b) => b.value! - a.value!)
    .slice(0, MAX_SLOWEST)
    .map(({ record }) => record);
}

function notableOf(record: RequestRecord, sender: ((index: number) => string) | null): NotableRequest {
  const { index, scheduledMs, endMs, status, stage, upstream } = record;
  return {
    ...{ index, scheduledMs, status, stage, upstream },
    ...(sender && { id: requestIdOf(record, sender(index)) }),
    kind: errorKind(record),
    attempts: attemptsOf(record),
    ttftMs: rounded(timeToFirstTokenMs(record)),
    tookMs: rounded(endMs - scheduledMs),
  };
}
