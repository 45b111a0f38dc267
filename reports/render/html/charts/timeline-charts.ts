import type { ReplicaSeries } from '../../../store/elasticity-results.ts';
import type { MetricSeries, TimelineSeries } from '../../../store/run-document.ts';
import { quantity } from '../format.ts';
import type { Bar, Chart, ChartLimit, ChartSeries } from './chart.ts';
import type { ChartLimits } from './chart-limits.ts';
import { linearScale, scaleFor, type ValueScale } from './chart-scale.ts';

/** Limits above this multiple of the largest value are not drawn, since the values would be flat. */
const MAX_LIMIT_RATIO = 4;
/** Styles of lines of equal rank, in turn. */
const LOOKS = [1, 2, 3, 7, 8, 9];

/** Failures of a run, as `failureBars` makes them. */
export interface Failures {
  readonly series: readonly ChartSeries[];
  readonly bars: readonly Bar[];
}

/** Charts of a run, in order; only those that have values, but for the first and that of the requests. */
export function timelineCharts(
  timeline: TimelineSeries,
  failures: Failures,
  limits: ChartLimits,
  first: 'token' | 'byte',
): Chart[] {
  const charts = [
    durationChart('ttft', `Time to first ${first}`, limits.ttft, [
      line('P50', 7, timeline.ttftP50Ms),
      line('P90', 2, timeline.ttftP90Ms),
      line('P99', 3, timeline.ttftP99Ms),
    ]),
    durationChart('latency', 'Latency', limits.latency, [
      line('P50', 7, timeline.latencyP50Ms),
      line('P90', 2, timeline.latencyP90Ms),
      line('P99', 3, timeline.latencyP99Ms),
    ]),
    rateChart(timeline),
    timeline.replicas !== undefined && scaledChart(timeline, timeline.replicas),
    failureChart(failures),
    chartOf({
      id: 'flight',
      title: 'Requests in flight',
      note: 'sent and without an outcome, maximum of each interval',
      about: 'Requests in flight',
      unit: '',
      series: [{ name: 'in flight', kind: 'step', look: 1, values: timeline.inFlight }],
      scale: values => linearScale(Math.max(...values), true),
    }),
    first === 'token' &&
      chartOf({
        id: 'itl',
        title: 'Inter-token latency',
        note: 'gaps between the tokens of the requests that arrived then',
        about: 'Inter-token latency over the run',
        unit: 'ms',
        series: [line('P50', 7, timeline.itlP50Ms), line('P99', 3, timeline.itlP99Ms)],
        scale: scaleFor,
      }),
    first === 'token' &&
      chartOf({
        id: 'tokens',
        title: 'Output tokens',
        note: 'per second, those of a response spread evenly from its first to its last',
        about: 'Output tokens per second',
        unit: '/s',
        series: [{ name: 'tokens', kind: 'step', look: 1, values: timeline.tokens }],
        scale: values => linearScale(Math.max(...values)),
      }),
    ...(timeline.metrics ? engineCharts(timeline.metrics, limits) : []),
    replicaChart(timeline.ready),
  ].filter(chart => chart !== false);
  return charts.filter(
    ({ id, series }) =>
      id === 'ttft' || id === 'rate' || valuesOf(series).some(value => value > 0 || id === 'replicas'),
  );
}

function rateChart({ offered, sent, completed, attempts }: TimelineSeries): Chart {
  return chartOf({
    id: 'rate',
    title: 'Requests',
    note: `per second: offered by scheduled arrival, sent${attempts ? ', attempts' : ''} and completed when that happened`,
    about: `Offered, sent and completed requests${attempts ? ', and attempts,' : ''} per second`,
    unit: '/s',
    series: [
      { name: 'offered', kind: 'step', look: 4, values: offered },
      ...(attempts ? [{ name: 'attempts', kind: 'step', look: 8, values: attempts } as const] : []),
      { name: 'sent', kind: 'step', look: 2, values: sent },
      { name: 'completed', kind: 'step', look: 1, values: completed },
    ],
    scale: values => linearScale(Math.max(...values)),
  });
}

function failureChart({ series, bars }: Failures): Chart {
  return chartOf({
    id: 'errors',
    title: 'Failed requests',
    note: 'per second, by kind; at their scheduled arrival or, in flight when a fault began, at its injection',
    about: 'Failed and dropped requests per second, by kind',
    unit: '/s',
    series,
    bars,
    scale: () => linearScale(Math.max(...bars.map(({ high }) => high))),
  });
}

function engineCharts(metrics: MetricSeries, limits: ChartLimits): Chart[] {
  return [
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
  ];
}

/** Replicas, and over them the course of load and P99, each relative to its maximum. */
function scaledChart({ offered, latencyP99Ms }: TimelineSeries, { desired, existing, ready }: ReplicaSeries): Chart {
  const most = Math.max(1, ...desired, ...existing, ...ready);
  const course = (kind: 'line' | 'step', name: string, look: number, values: ChartSeries['values'], unit: string) => {
    const max = Math.max(...values.map(value => value ?? 0));
    const drawn = values.map(value => (value === null ? null : (value / max) * most));
    return {
      text: `${name} up to ${quantity(max, unit)}`,
      series: { kind, name, look, values: drawn, column: values },
      max,
    };
  };
  const courses = [course('step', 'load', 8, offered, '/s'), course('line', 'P99', 3, latencyP99Ms, 'ms')].filter(
    ({ max }) => max > 0,
  );
  return chartOf({
    id: 'scaled',
    title: 'Scaled replicas',
    note: `desired, existing (with those that start) and ready; over them the course of ${courses.map(({ text }) => text).join(' and ')}`,
    about: 'Desired, existing and ready replicas that are scaled, and the course of load and P99 latency',
    unit: '',
    series: [
      { name: 'desired', kind: 'step', look: 4, values: desired },
      { name: 'existing', kind: 'step', look: 2, values: existing },
      { name: 'ready', kind: 'step', look: 1, values: ready },
      ...courses.map(({ series }) => series),
    ],
    scale: values => linearScale(Math.max(1, ...values), true),
  });
}

function replicaChart(ready: TimelineSeries['ready']): Chart {
  return chartOf({
    id: 'replicas',
    title: 'Ready replicas',
    note: 'by service, each from 0 to its maximum',
    about: 'Ready replicas over the run, each service in a row of its own',
    unit: '',
    isRows: true,
    series: Object.entries(ready).map(([name, values], index) => ({
      name,
      kind: 'step',
      look: LOOKS[index % LOOKS.length]!,
      values,
    })),
    scale: values => linearScale(Math.max(1, ...values), true),
  });
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
  const note = 'from the scheduled arrival, of the requests that have one';
  return chartOf({ id, title, note, about: `${title} over the run`, unit: 'ms', series, limits, scale: scaleFor });
}

/** Chart whose label and limits follow from its values. */
interface ChartSpec extends Pick<Chart, 'id' | 'title' | 'note' | 'unit' | 'series' | 'bars' | 'isRows'> {
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
