import type { RenderInput, TimelineSeries } from '../../../store/run-document.ts';
import { firstUnit } from '../../cells.ts';
import { quantity } from '../format.ts';
import { type Content, type Html, html } from '../html.ts';
import { attemptsColumn, FIRST_SERVICE_COLUMN, timelineTable } from '../timeline-table.ts';
import { type Chart, type ChartLimit, type ChartSeries, drawChart, type TimeAxis } from './chart.ts';
import { type ChartLimits, chartLimits } from './chart-limits.ts';
import { linearScale, scaleFor } from './chart-scale.ts';
import { faultBands } from './fault-bands.ts';
import { metricCharts } from './metric-charts.ts';
import { thinTimeline } from './thin-timeline.ts';

/** Charts over one time axis, followed by the same values as a table, which is also the source of the crosshair. */
export function timelineSection(input: RenderInput): Html {
  const timeline = thinTimeline(input.timeline);
  const slots = timeline.offered.length;
  if (slots === 0) return html`<p class="empty">No request was scheduled in this run, so there is nothing to draw.</p>`;
  const loadMs = slots * timeline.slotMs;
  const lastMs = Math.max(
    ...input.document.faults.flatMap(fault => [fault.effectiveAtMs ?? 0, fault.healedAtMs ?? 0]),
    0,
  );
  const endMs = Math.max(loadMs, lastMs);
  const axis: TimeAxis = { slotMs: timeline.slotMs, endMs, bands: faultBands(input.document.faults, endMs) };
  const limits = chartLimits(input);
  const first = firstUnit(input.plan);
  const charts = [
    firstChart(timeline, limits.ttft, first),
    latencyChart(timeline, limits.latency, first === 'byte'),
    rateChart(timeline),
    ...metricCharts(timeline, limits),
    replicaChart(timeline),
  ].filter(chart => chart !== null);
  const joined = timeline.slotMs > input.timeline.slotMs;
  return html`<p class="hint">Time is relative to the start of the load phase. Shaded: a fault is in effect; dashed line: its injection.
Each point covers ${quantity(timeline.slotMs, 'ms')}${joined ? ': the highest latency, mean rate, longest queue and fewest replicas of that interval' : ''}.
<span class="scripted" hidden>Hover over a chart, or focus it and use the arrow keys, to read the values at one point in time.</span></p>
${charts.map(chart => figure(chart, axis, limits))}
${timelineTable(timeline, axis, first)}`;
}

function figure(chart: Chart, axis: TimeAxis, limits: ChartLimits): Html {
  const ownLimits = chart.id === 'ttft' || chart.id === 'latency' || chart.id === 'queue' ? limits[chart.id] : [];
  const hidden = ownLimits.filter(limit => !chart.limits.includes(limit));
  return html`<figure id="chart-${chart.id}">
<figcaption><h3>${chart.title} <small>${chart.note}</small></h3>
<ul class="legend">${chart.series.map(series => html`<li data-column="${series.column}">${sample(series)}<span>${series.name}</span></li>`)}${chart.limits.map(limit => html`<li>${limitSample()}<span>${limit.label}</span></li>`)}${hidden.map(limit => html`<li><span>${limit.label} (above this chart)</span></li>`)}</ul></figcaption>
<div class="plot" data-end="${axis.endMs}" data-slot="${axis.slotMs}" data-label="${chart.title}">${drawChart(chart, axis)}</div>
</figure>`;
}

/** Sample of a series for a legend. */
export function sample(series: ChartSeries): Html {
  const shape =
    series.kind === 'bar'
      ? html`<rect class="bar look-${series.look}" x="7" y="1" width="14" height="12"/>`
      : html`<path class="series look-${series.look}" d="M0 7H28"/>`;
  return html`<svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true">${shape}</svg>`;
}

function limitSample(): Content {
  return html`<svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true"><path class="limit" d="M0 7H28"/></svg>`;
}

function firstChart(timeline: TimelineSeries, limits: readonly ChartLimit[], first: string): Chart {
  const series: ChartSeries[] = [
    { name: 'P50', kind: 'line', look: 7, values: timeline.ttftP50Ms, column: 1 },
    { name: 'P90', kind: 'line', look: 2, values: timeline.ttftP90Ms, column: 2 },
    { name: 'P99', kind: 'line', look: 3, values: timeline.ttftP99Ms, column: 3 },
  ];
  return durationChart('ttft', `Time to first ${first}`, series, limits);
}

/** End-to-end latency, for plain HTTP or if an SLO is about it. */
function latencyChart(timeline: TimelineSeries, limits: readonly ChartLimit[], isPlain: boolean): Chart | null {
  if (!isPlain && limits.length === 0) return null;
  const series: ChartSeries[] = [
    { name: 'P50', kind: 'line', look: 7, values: timeline.latencyP50Ms, column: 4 },
    { name: 'P99', kind: 'line', look: 3, values: timeline.latencyP99Ms, column: 5 },
  ];
  return durationChart('latency', 'Latency', series, limits);
}

function durationChart(
  id: string,
  title: string,
  series: readonly ChartSeries[],
  limits: readonly ChartLimit[],
): Chart {
  const values = series.flatMap(({ values }) => values).filter(value => value !== null);
  const largest = Math.max(0, ...values);
  const shown = limits.filter(limit => limit.value <= 4 * largest);
  const scale = scaleFor([...values, ...shown.map(limit => limit.value)]);
  return {
    id,
    title,
    note: scale.kind === 'log' ? 'from the scheduled arrival, logarithmic' : 'from the scheduled arrival',
    label: `${title} over the run, at most ${quantity(largest, 'ms')}`,
    scale,
    series,
    limits: shown,
    format: value => quantity(value, 'ms'),
  };
}

function rateChart(timeline: TimelineSeries): Chart {
  const { attempts = [] } = timeline;
  const bad = sums(timeline.failed, timeline.dropped);
  const max = Math.max(0, ...timeline.offered, ...timeline.completed, ...bad, ...attempts);
  const column = attemptsColumn(timeline);
  return {
    id: 'rate',
    title: 'Requests',
    note: `per second, by scheduled arrival${column === undefined ? '' : '; attempts by time of sending'}`,
    label: `Offered, completed, failed and dropped requests${column === undefined ? '' : ', and attempts,'} per second, at most ${quantity(max, '/s')}`,
    scale: linearScale(max),
    series: [
      { name: 'offered', kind: 'step', look: 4, values: timeline.offered, column: 6 },
      { name: 'failed', kind: 'bar', look: 5, values: timeline.failed, column: 8 },
      { name: 'dropped', kind: 'bar', look: 6, values: timeline.dropped, column: 9 },
      { name: 'completed', kind: 'step', look: 1, values: timeline.completed, column: 7 },
      ...(column === undefined ? [] : [{ name: 'attempts', kind: 'step', look: 3, values: attempts, column } as const]),
    ],
    limits: [],
    format: value => quantity(value, '/s'),
  };
}

const LOOKS = [1, 2, 3, 7];

function replicaChart(timeline: TimelineSeries): Chart | null {
  const services = Object.entries(timeline.ready);
  if (services.length === 0) return null;
  const max = Math.max(1, ...services.flatMap(([, counts]) => counts));
  return {
    id: 'replicas',
    title: 'Ready replicas',
    note: 'by service',
    label: `Ready replicas over the run, at most ${max}`,
    scale: linearScale(max, true),
    series: services.map(([service, counts], index) => ({
      name: service,
      kind: 'step',
      look: LOOKS[index % LOOKS.length]!,
      values: counts,
      column: FIRST_SERVICE_COLUMN + index,
    })),
    limits: [],
    format: value => quantity(value, ''),
  };
}

function sums(left: readonly number[], right: readonly number[]): number[] {
  return left.map((value, index) => value + (right[index] ?? 0));
}
