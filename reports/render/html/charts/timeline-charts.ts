import type { TimelineSeries } from '../../../store/run-document.ts';
import { quantity } from '../format.ts';
import type { Chart, ChartLimit, ChartSeries } from './chart.ts';
import type { ChartLimits } from './chart-limits.ts';
import { linearScale, scaleFor, type ValueScale } from './chart-scale.ts';

/** Limits above this multiple of the largest value are not drawn, since the values would be flat. */
const MAX_LIMIT_RATIO = 4;
/** Styles of the services, in turn. */
const LOOKS = [1, 2, 3, 7];

/** Charts of a run, in order; those of metrics only if these were sampled, that of the latency only if it matters. */
export function timelineCharts(timeline: TimelineSeries, limits: ChartLimits, first: 'token' | 'byte'): Chart[] {
  const { attempts, metrics } = timeline;
  const charts = [
    durationChart('ttft', `Time to first ${first}`, limits.ttft, [
      line('P50', 7, timeline.ttftP50Ms),
      line('P90', 2, timeline.ttftP90Ms),
      line('P99', 3, timeline.ttftP99Ms),
    ]),
    (first === 'byte' || limits.latency.length > 0) &&
      durationChart('latency', 'Latency', limits.latency, [
        line('P50', 7, timeline.latencyP50Ms),
        line('P99', 3, timeline.latencyP99Ms),
      ]),
    chartOf({
      id: 'rate',
      title: 'Requests',
      note: `per second, by scheduled arrival${attempts ? '; attempts by time of sending' : ''}`,
      about: `Offered, completed, failed and dropped requests${attempts ? ', and attempts,' : ''} per second`,
      unit: '/s',
      series: [
        { name: 'offered', kind: 'step', look: 4, values: timeline.offered },
        { name: 'failed', kind: 'bar', look: 5, values: timeline.failed },
        { name: 'dropped', kind: 'bar', look: 6, values: timeline.dropped },
        { name: 'completed', kind: 'step', look: 1, values: timeline.completed },
        ...(attempts ? [{ name: 'attempts', kind: 'step', look: 3, values: attempts } as const] : []),
      ],
      scale: values => linearScale(Math.max(...values)),
    }),
    metrics &&
      chartOf({
        id: 'queue',
        title: 'Requests in the engines',
        note: 'sampled once a second',
        about: 'Requests waiting and running in the inference engines',
        unit: '',
        series: [
          line('running, all', 2, metrics.running),
          line('waiting, all', 1, metrics.waiting),
          line('waiting, fullest replica', 3, metrics.maxWaiting),
          line('in flight, all', 2, metrics.inFlight ?? []),
        ].filter(hasValues),
        limits: limits.queue,
        scale: values => linearScale(Math.max(...values), true),
      }),
    metrics &&
      chartOf({
        id: 'engines',
        title: 'Fullest engine',
        note: 'maximum over all replicas, sampled once a second',
        about: 'GPU utilisation, KV cache, GPU memory and prefix cache hits',
        unit: '%',
        series: [
          line('GPU utilisation', 1, metrics.gpuPercent),
          line('KV cache', 2, metrics.kvCachePercent),
          line('GPU memory', 3, metrics.gpuMemoryPercent),
          line('prefix cache hits, all', 7, metrics.cacheHitPercent ?? []),
        ].filter(hasValues),
        limits: limits.percent,
        scale: () => linearScale(100),
      }),
    chartOf({
      id: 'replicas',
      title: 'Ready replicas',
      note: 'by service',
      about: 'Ready replicas over the run',
      unit: '',
      series: Object.entries(timeline.ready).map(([name, values], index) => ({
        name,
        kind: 'step',
        look: LOOKS[index % LOOKS.length]!,
        values,
      })),
      scale: values => linearScale(Math.max(1, ...values), true),
    }),
  ].filter(chart => chart !== false && chart !== undefined);
  const isAlwaysShown = ({ id }: Chart) => id === 'ttft' || id === 'latency' || id === 'rate';
  return charts.filter(chart => isAlwaysShown(chart) || valuesOf(chart.series).length > 0);
}

function hasValues({ values }: ChartSeries): boolean {
  return values.some(value => value !== null);
}

function line(name: string, look: number, values: ChartSeries['values']): ChartSeries {
  return { name, kind: 'line', look, values };
}

function durationChart(
  id: string,
  title: string,
  limits: readonly ChartLimit[],
  series: readonly ChartSeries[],
): Chart {
  const note = 'from the scheduled arrival';
  return chartOf({ id, title, note, about: `${title} over the run`, unit: 'ms', series, limits, scale: scaleFor });
}

/** Chart whose label and limits follow from its values. */
interface ChartSpec extends Pick<Chart, 'id' | 'title' | 'note' | 'unit' | 'series'> {
  /** Subject of its label. */
  readonly about: string;
  /** Scale for the values of its series and limits. */
  readonly scale: (values: readonly number[]) => ValueScale;
  readonly limits?: readonly ChartLimit[];
}

function chartOf({ about, scale: scaleOf, limits = [], ...chart }: ChartSpec): Chart {
  const values = valuesOf(chart.series);
  const max = Math.max(0, ...values);
  const shown = limits.filter(({ value }) => value <= MAX_LIMIT_RATIO * max);
  const scale = scaleOf([...values, ...shown.map(({ value }) => value)]);
  return {
    ...chart,
    note: scale.kind === 'log' ? `${chart.note}, logarithmic` : chart.note,
    label: `${about}, at most ${quantity(max, chart.unit)}`,
    scale,
    limits: shown,
    hiddenLimits: limits.filter(limit => !shown.includes(limit)),
  };
}

function valuesOf(series: readonly ChartSeries[]): number[] {
  return series.flatMap(({ values }) => values).filter(value => value !== null);
}
