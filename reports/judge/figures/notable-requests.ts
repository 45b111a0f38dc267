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
import type { TraceFinder } from './traces.ts';

/** Failed requests that are listed, and of each kind where there are more. */
const MAX_FAILED = 40;
const MAX_OF_A_KIND = 8;
/** Slowest requests that are listed, by each latency. */
const MAX_SLOWEST = 10;

/**
 * Requests of the load that a reader looks at first: the failures, or the first of each kind where there are many, in order of time, and the slowest of those that
 * have a first token or that completed, slowest first.
 * @param sender id of the run that sent the request at an index, see `senderOf`; null for a run whose requests had other ids
 * @param traceOf finds their traces. @default none has one
 */
export function notableRequests(
  records: readonly RequestRecord[],
  sender: ((index: number) => string) | null,
  traceOf: TraceFinder = () => undefined,
): NotableRequests {
  const load = records.filter(({ scheduledMs }) => scheduledMs >= 0);
  const failures = load.filter(isFailure);
  const kinds = [...Map.groupBy(failures, errorKind).values()].sort((a, b) => b.length - a.length);
  const perKind = failures.length > MAX_FAILED ? MAX_OF_A_KIND : MAX_FAILED;
  const failed = kinds.flatMap(ofKind => ofKind.slice(0, perKind)).slice(0, MAX_FAILED);
  const known = new Map<RequestRecord, NotableRequest>();
  const listed = (record: RequestRecord) => {
    const request = known.get(record) ?? notableOf(record, sender, traceOf);
    known.set(record, request);
    return request;
  };
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

function notableOf(
  record: RequestRecord,
  sender: ((index: number) => string) | null,
  traceOf: TraceFinder,
): NotableRequest {
  const { index, scheduledMs, endMs, status, stage, upstream } = record;
  const attempts = attemptsOf(record);
  const ids = sender ? Array.from({ length: attempts }, (_, nth) => requestIdOf(record, sender(index), nth + 1)) : [];
  const trace = traceOf(record, ids);
  return {
    ...{ index, scheduledMs, status, stage, upstream },
    ...(sender && { id: requestIdOf(record, sender(index)) }),
    kind: errorKind(record),
    attempts,
    ttftMs: rounded(timeToFirstTokenMs(record)),
    tookMs: rounded(endMs - scheduledMs),
    ...(trace && { trace }),
  };
}
