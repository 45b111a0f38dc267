import type { TimedEvent } from '../../../harness/history.ts';
import type { Metric, Readings } from '../../../harness/metrics.ts';
import type { Requests } from '../../../harness/requests.ts';
import { rounded } from '../../rounding.ts';
import { type Columns, textsThat } from '../../store/requests/chunk-columns.ts';
import type { MetricSeries, TimelineSeries } from '../../store/run-document.ts';
import { increasesOf } from '../counters.ts';
import { type Folding, folded } from '../folds/folding.ts';
import { isOkText } from '../folds/latencies.ts';
import { GAUGES, type Gauge } from '../gauges.ts';
import { TokenCounter } from '../tokens.ts';
import { failuresFold } from './failures.ts';
import { inFlightFold } from './in-flight.ts';
import { LatencySeries } from './latency-series.ts';

/** Length of a slot by default. */
const TIMELINE_SLOT_MS = 1000;

/**
 * Time series of a run over slots from 0 to `endMs`, a partial last slot included. Latencies and arrivals count in the slot in which
 * their requests were scheduled, so that a slowdown appears at its cause, not when its responses arrived; what was sent and completed
 * counts when that happened; failures where {@link failuresFold} puts them.
 */
export function timelineOf(
  records: Requests,
  events: readonly TimedEvent[],
  endMs: number,
  slotMs = TIMELINE_SLOT_MS,
  injectionsMs: readonly number[] = [],
): TimelineSeries {
  return folded(timelineFold(events, endMs, slotMs, injectionsMs), records);
}

/** Fold of {@link timelineOf}. */
export function timelineFold(
  events: readonly TimedEvent[],
  endMs: number,
  slotMs = TIMELINE_SLOT_MS,
  injectionsMs: readonly number[] = [],
): Folding<TimelineSeries> {
  const count = Math.max(0, Math.ceil(endMs / slotMs));
  const latencies = new LatencySeries(count, slotMs);
  const [offered, sent, completed] = Array.from({ length: 3 }, () => new Array<number>(count).fill(0));
  const countAt = (counts: number[], atMs: number) => {
    const slot = Math.floor(atMs / slotMs);
    if (slot >= 0 && slot < count) counts[slot]! += 1;
  };
  const countRows = (columns: Columns) => {
    const [scheduledMs, sentMs] = [columns.values('scheduledMs'), columns.values('sentMs')];
    const [endMs, outcomes, isOk] = [columns.values('endMs'), columns.values('outcome'), textsThat(columns, isOkText)];
    for (let row = 0; row < columns.rows; row += 1) {
      countAt(offered!, scheduledMs[row]!);
      countAt(sent!, sentMs[row]!);
      if (isOk[outcomes[row]!] === 1) countAt(completed!, endMs[row]!);
    }
  };
  const tokens = new TokenCounter({ fromMs: 0, partMs: slotMs, count });
  const [inFlight, failures] = [inFlightFold(count, slotMs), failuresFold(endMs, injectionsMs)];
  const attempts = attemptsFold(count, slotMs);
  const perSecond = (counts: readonly number[]) => counts.map(number => rounded((number * 1000) / slotMs));
  const result = () => ({
    slotMs,
    ...latencies.result(),
    offered: perSecond(offered!),
    sent: perSecond(sent!),
    completed: perSecond(completed!),
    tokens: perSecond(tokens.counts),
    inFlight: inFlight.result(),
    failures: failures.result(),
    ...attempts.result(),
    ready: readyReplicas(events, count, slotMs),
    ...metricSeries(events, count, slotMs),
  });
  const visit = (columns: Columns) => {
    latencies.addRows(columns);
    countRows(columns);
    tokens.addRows(columns);
    for (const fold of [inFlight, failures, attempts]) fold.visit(columns);
  };
  return { visit, result };
}

/**
 * Attempts per second by time of sending, unlike requests, so that a retry storm appears when it happened; nothing where clients do not
 * retry.
 */
function attemptsFold(count: number, slotMs: number): Folding<Pick<TimelineSeries, 'attempts'>> {
  const slots = new Array<number>(count).fill(0);
  let isRetried = false;
  const visit = (columns: Columns) => {
    const [attempts, sentMs] = [columns.values('attempts'), columns.values('sentMs')];
    for (let row = 0; row < columns.rows; row += 1) {
      isRetried ||= !Number.isNaN(attempts[row]);
      if (!(attempts[row]! > 1)) countAt(sentMs[row]!);
      else for (const [nth, ms] of (columns.record(row).attemptsMs ?? []).entries()) if (nth % 2 === 0) countAt(ms);
    }
  };
  const countAt = (ms: number) => {
    const slot = Math.floor(ms / slotMs);
    if (slot >= 0 && slot < count) slots[slot]! += 1;
  };
  const result = () => (isRetried ? { attempts: slots.map(sent => rounded((sent * 1000) / slotMs)) } : {});
  return { visit, result };
}

/** Ready replicas at the end of each slot, by service, in alphabetical order. */
function readyReplicas(events: readonly TimedEvent[], count: number, slotMs: number): Record<string, number[]> {
  const changes = events.filter(event => event.type === 'replica');
  const services = [...new Set(changes.map(change => change.service))].sort();
  const series = (service: string) => {
    const own = changes.filter(change => change.service === service);
    const states = new Map<string, string>();
    let next = 0;
    return Array.from({ length: count }, (_, slot) => {
      for (; next < own.length && own[next]!.atMs < (slot + 1) * slotMs; next += 1)
        states.set(own[next]!.replica, own[next]!.state);
      return [...states.values()].filter(state => state === 'ready').length;
    });
  };
  return Object.fromEntries(services.map(service => [service, series(service)]));
}

/**
 * Time series of the sampled gauges: sum or maximum over the replicas of a round, then maximum over the rounds of a slot. Nothing
 * for a run without samples of an inference engine or a gateway.
 */
function metricSeries(events: readonly TimedEvent[], count: number, slotMs: number): Pick<TimelineSeries, 'metrics'> {
  const slots = Array.from({ length: count }, (): Readings[][] => []);
  for (const event of events)
    if (event.type === 'sample') slots[Math.floor(event.seenMs / slotMs)]?.push(Object.values(event.readings));
  const series = (gauge: Gauge, fold: (values: readonly number[]) => number) =>
    slots.map(rounds => {
      const sampled = rounds
        .map(replicas => replicas.map(GAUGES[gauge].of).filter(value => value !== null))
        .filter(values => values.length > 0);
      return sampled.length === 0 ? null : rounded(Math.max(...sampled.map(fold)));
    });
  const metrics: MetricSeries = {
    maxWaiting: series('queue', maximum),
    waiting: series('queue', sum),
    running: series('running', sum),
    gpuPercent: series('gpu', maximum),
    kvCachePercent: series('kv-cache', maximum),
    gpuMemoryPercent: series('gpu-memory', maximum),
  };
  const optional = {
    inFlight: [...metrics.waiting, ...metrics.running].every(isMissing) ? series('in-flight', sum) : [],
    cacheHitPercent: cacheSeries(events, slots, slotMs),
  };
  const sampled = Object.entries(optional).filter(([, values]) => !values.every(isMissing));
  const all: MetricSeries = { ...metrics, ...Object.fromEntries(sampled) };
  return Object.values(all).every(values => values.every(isMissing)) ? {} : { metrics: all };
}

/** Percentage of the prompt tokens of each slot that came from prefix caches, by counters, or else as the engines compute it. */
function cacheSeries(events: readonly TimedEvent[], slots: readonly Readings[][][], slotMs: number): (number | null)[] {
  const perSlot = (metric: Metric) => {
    const sums = new Map<number, number>();
    for (const { seenMs, by } of increasesOf(metric, events)) {
      const slot = Math.floor(seenMs / slotMs);
      sums.set(slot, (sums.get(slot) ?? 0) + by);
    }
    return sums;
  };
  const [queries, hits] = [perSlot('cacheQueries'), perSlot('cacheHits')];
  return slots.map((rounds, slot) => {
    const ratios = rounds.flat().flatMap(({ cacheHitRatio = [] }) => cacheHitRatio);
    const counted = queries.get(slot) ? hits.get(slot) : undefined;
    const ratio = counted !== undefined ? counted / queries.get(slot)! : ratios.length > 0 ? maximum(ratios) : null;
    return ratio === null ? null : rounded(100 * ratio);
  });
}

function isMissing(value: number | null): value is null {
  return value === null;
}

function maximum(values: readonly number[]): number {
  return Math.max(...values);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
