import {
  attemptsOf,
  errorKind,
  type RequestRecord,
  type Requests,
  requestIdOf,
  timeToFirstTokenMs,
} from '../../../harness/requests.ts';
import { rounded } from '../../rounding.ts';
import { type Columns, textsThat } from '../../store/requests/chunk-columns.ts';
import type { NotableRequest, NotableRequests } from '../../store/run-document.ts';
import { eachColumns, type Folding, folded } from '../folds/folding.ts';
import { isFailureText, latenciesIn } from '../folds/latencies.ts';
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
  records: Requests,
  sender: ((index: number) => string) | null,
  traceOf: TraceFinder = () => undefined,
): NotableRequests {
  return folded(notableFold(records, sender, traceOf), records);
}

/** Fold of {@link notableRequests}. */
export function notableFold(
  records: Requests,
  sender: ((index: number) => string) | null,
  traceOf: TraceFinder,
): Folding<NotableRequests> {
  const kinds = new Map<string, { count: number; first: number[] }>();
  const [slowestFirst, slowest] = [new Slowest(), new Slowest()];
  let failures = 0;
  const visit = (columns: Columns) => {
    const { ttft, latency } = latenciesIn(columns);
    const [scheduledMs, outcomes] = [columns.values('scheduledMs'), columns.values('outcome')];
    const isFailed = textsThat(columns, isFailureText);
    for (let row = 0; row < columns.rows; row += 1) {
      if (!(scheduledMs[row]! >= 0)) continue;
      if (ttft[row]! > slowestFirst.aboveMs) slowestFirst.add(columns.first + row, ttft[row]!);
      if (latency[row]! > slowest.aboveMs) slowest.add(columns.first + row, latency[row]!);
      if (isFailed[outcomes[row]!] === 1) addFailure(columns.first + row, errorKind(columns.record(row)));
    }
  };
  const addFailure = (position: number, name: string) => {
    failures += 1;
    const kind = kinds.get(name) ?? { count: 0, first: [] };
    kinds.set(name, kind);
    kind.count += 1;
    if (kind.first.length < MAX_FAILED) kind.first.push(position);
  };
  const result = () => {
    const perKind = failures > MAX_FAILED ? MAX_OF_A_KIND : MAX_FAILED;
    const failed = [...kinds.values()]
      .sort((a, b) => b.count - a.count)
      .flatMap(({ first }) => first.slice(0, perKind))
      .slice(0, MAX_FAILED);
    const shown = recordsAt(records, [...failed, ...slowestFirst.positions(), ...slowest.positions()]);
    const known = new Map<number, NotableRequest>();
    const listed = (at: number) => {
      const request = known.get(at) ?? notableOf(shown.get(at)!, sender, traceOf);
      known.set(at, request);
      return request;
    };
    return {
      failed: failed.sort((a, b) => shown.get(a)!.scheduledMs - shown.get(b)!.scheduledMs).map(listed),
      failures,
      slowestFirst: slowestFirst.positions().map(listed),
      slowest: slowest.positions().map(listed),
    };
  };
  return { visit, result };
}

/** Positions of the largest values, largest first; of equal ones, the first come first. */
class Slowest {
  /** Only larger values are kept. */
  aboveMs = Number.NEGATIVE_INFINITY;
  readonly #kept: { readonly position: number; readonly value: number }[] = [];

  add(position: number, value: number): void {
    const at = this.#kept.findIndex(one => one.value < value);
    this.#kept.splice(at === -1 ? this.#kept.length : at, 0, { position, value });
    if (this.#kept.length > MAX_SLOWEST) this.#kept.pop();
    if (this.#kept.length === MAX_SLOWEST) this.aboveMs = this.#kept.at(-1)!.value;
  }

  positions(): number[] {
    return this.#kept.map(({ position }) => position);
  }
}

function recordsAt(requests: Requests, positions: readonly number[]): Map<number, RequestRecord> {
  const wanted = [...new Set(positions)];
  const found = new Map<number, RequestRecord>();
  eachColumns(requests, columns => {
    const own = wanted.filter(position => position >= columns.first && position < columns.first + columns.rows);
    for (const position of own) found.set(position, columns.copy(position - columns.first));
  });
  return found;
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
