import type { TimedEvent } from '../../harness/history.ts';
import type { Readings } from '../../harness/metrics.ts';
import { rounded } from '../rounding.ts';
import type { MetricSeries } from '../store/run-document.ts';
import { GAUGES, type Gauge } from './gauges.ts';

/**
 * Time series of the sampled gauges: sum or maximum over the replicas of a round, then maximum over the rounds of a slot. Undefined
 * for a run without samples of an inference engine.
 */
export function metricSeries(events: readonly TimedEvent[], count: number, slotMs: number): MetricSeries | undefined {
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
  return Object.values(metrics).every(isEmpty) ? undefined : metrics;
}

function isEmpty(values: readonly (number | null)[]): boolean {
  return values.every(value => value === null);
}

function maximum(values: readonly number[]): number {
  return Math.max(...values);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
