import type { TimedEvent } from '../../harness/history.ts';
import type { Readings } from '../../harness/metrics.ts';
import { rounded } from '../rounding.ts';
import type { MetricSeries } from '../store/run-document.ts';
import { GAUGES, type Gauge } from './gauges.ts';

/**
 * Folds the rounds of metric samples to slots: over the replicas that told a gauge in a round by sum or by maximum, then over
 * the rounds of a slot by maximum. Undefined for a run in which nothing was sampled, or no engine told of itself.
 */
export function metricSeries(events: readonly TimedEvent[], count: number, slotMs: number): MetricSeries | undefined {
  const slots = Array.from({ length: count }, (): Readings[][] => []);
  for (const event of events)
    if (event.type === 'sample') slots[Math.floor(event.seenMs / slotMs)]?.push(Object.values(event.readings));
  const series = (gauge: Gauge, fold: (values: readonly number[]) => number) =>
    slots.map(rounds => {
      const told = rounds
        .map(replicas => replicas.map(GAUGES[gauge].of).filter(value => value !== null))
        .filter(values => values.length > 0);
      return told.length === 0 ? null : rounded(Math.max(...told.map(fold)));
    });
  const metrics: MetricSeries = {
    maxWaiting: series('queue', most),
    waiting: series('queue', sum),
    running: series('running', sum),
    gpuPercent: series('gpu', most),
    kvCachePercent: series('kv-cache', most),
    gpuMemoryPercent: series('gpu-memory', most),
  };
  return Object.values(metrics).every(isEmpty) ? undefined : metrics;
}

function isEmpty(values: readonly (number | null)[]): boolean {
  return values.every(value => value === null);
}

function most(values: readonly number[]): number {
  return Math.max(...values);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
