import { errorKind, isFailure, type RequestRecord } from '../../../harness/requests.ts';
import type { FailurePoint } from '../../store/run-document.ts';

/**
 * Failed and dropped requests of the load, in order of time. A request counts at its scheduled arrival, like the latencies of the
 * others, with the exception that windows make: one in flight when the injection of a fault began counts at that injection, since it
 * belongs to that fault. So the failures between a fault's injection and its recovery are those of its window.
 * @param injectionsMs instants at which the injection of a fault began
 */
export function failuresOf(
  records: readonly RequestRecord[],
  endMs: number,
  injectionsMs: readonly number[],
): FailurePoint[] {
  return records
    .filter(record => record.scheduledMs >= 0 && record.scheduledMs < endMs)
    .filter(record => isFailure(record) || record.outcome === 'dropped')
    .map(record => {
      const during = injectionsMs.filter(ms => ms > record.scheduledMs && ms <= record.endMs && ms < endMs);
      return { atMs: Math.max(record.scheduledMs, ...during), kind: errorKind(record) };
    })
    .sort((a, b) => a.atMs - b.atMs);
}

/** Largest number of requests in flight in each slot: sent, and without an outcome. */
export function inFlightSeries(records: readonly RequestRecord[], count: number, slotMs: number): number[] {
  const changes = records
    .filter(({ sentMs }) => sentMs !== null)
    .flatMap(({ sentMs, endMs }) => [
      { atMs: sentMs!, by: 1 },
      { atMs: endMs, by: -1 },
    ])
    // What ends at an instant is gone before what is sent at it.
    .sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let now = 0;
  let next = 0;
  const until = (atMs: number) => {
    let most = now;
    for (; next < changes.length && changes[next]!.atMs < atMs; next += 1) {
      now += changes[next]!.by;
      most = Math.max(most, now);
    }
    return most;
  };
  until(0);
  return Array.from({ length: count }, (_, slot) => until((slot + 1) * slotMs));
}
