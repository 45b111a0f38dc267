import type { TimelineSeries } from '../../../store/run-document.ts';
import { quantity } from '../format.ts';
import { type MetricColumn, metricColumns } from '../timeline-table.ts';
import type { Chart, ChartSeries } from './chart.ts';
import type { ChartLimits } from './chart-limits.ts';
import { linearScale } from './chart-scale.ts';

/** Charts of the metrics sampled in the engines; none for a run without samples. */
export function metricCharts(timeline: TimelineSeries, limits: ChartLimits): Chart[] {
  const columns = metricColumns(timeline);
  if (columns.length === 0) return [];
  const [fullest, waiting, running, gpu, kvCache, gpuMemory] = columns as [MetricColumn, ...MetricColumn[]];
  const queue = [
    series(running!, 'running, all', 2),
    series(waiting!, 'waiting, all', 1),
    series(fullest, 'waiting, fullest replica', 3),
  ];
  const load = [
    series(gpu!, 'GPU utilisation', 1),
    series(kvCache!, 'KV cache', 2),
    series(gpuMemory!, 'GPU memory', 3),
  ];
  return [queueChart(queue, limits), loadChart(load, limits)].filter(chart => chart !== null);
}

function queueChart(series: readonly ChartSeries[], { queue: limits }: ChartLimits): Chart | null {
  const max = largest(series);
  if (max === null) return null;
  const shown = limits.filter(limit => limit.value <= 4 * max);
  return {
    id: 'queue',
    title: 'Requests in the engines',
    note: 'sampled once a second',
    label: `Requests waiting and running in the inference engines, at most ${quantity(max, '')}`,
    scale: linearScale(Math.max(max, ...shown.map(limit => limit.value)), true),
    series,
    limits: shown,
    format: value => quantity(value, ''),
  };
}

function loadChart(series: readonly ChartSeries[], { percent: limits }: ChartLimits): Chart | null {
  const max = largest(series);
  if (max === null) return null;
  return {
    id: 'engines',
    title: 'Fullest engine',
    note: 'maximum over all replicas, sampled once a second',
    label: `GPU utilisation, KV cache and GPU memory of the fullest replica, at most ${quantity(max, '%')}`,
    scale: linearScale(100),
    series,
    limits,
    format: value => quantity(value, '%'),
  };
}

function series({ values, column }: MetricColumn, name: string, look: number): ChartSeries {
  return { name, kind: 'line', look, values, column };
}

function largest(series: readonly ChartSeries[]): number | null {
  const values = series.flatMap(({ values }) => values).filter(value => value !== null);
  return values.length === 0 ? null : Math.max(...values);
}
