import type { TimelineSeries } from '../../store/run-document.ts';
import type { TimeAxis } from './charts/chart.ts';
import { instant, quantity } from './format.ts';
import { type Html, html } from './html.ts';
import { scrollTable } from './table.ts';

/** Index of the first service's column of ready replicas; the metrics follow the last service. */
export const FIRST_SERVICE_COLUMN = 10;

/** Columns of the sampled metrics, in the order of the table; empty without samples. */
export function metricColumns({ metrics, ready }: TimelineSeries): MetricColumn[] {
  if (!metrics) return [];
  const first = FIRST_SERVICE_COLUMN + Object.keys(ready).length;
  return [
    { name: 'waiting, fullest', values: metrics.maxWaiting, unit: '' },
    { name: 'waiting, all', values: metrics.waiting, unit: '' },
    { name: 'running, all', values: metrics.running, unit: '' },
    { name: 'GPU utilisation', values: metrics.gpuPercent, unit: '%' },
    { name: 'KV cache', values: metrics.kvCachePercent, unit: '%' },
    { name: 'GPU memory', values: metrics.gpuMemoryPercent, unit: '%' },
  ].map((column, index) => ({ ...column, column: first + index }));
}

/** Index of the column of attempts; undefined where clients do not retry. */
export function attemptsColumn(timeline: TimelineSeries): number | undefined {
  if (!timeline.attempts) return undefined;
  return FIRST_SERVICE_COLUMN + Object.keys(timeline.ready).length + metricColumns(timeline).length;
}

/** Column of one metric. */
export interface MetricColumn {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly unit: string;
  readonly column: number;
}

/** Values behind the charts, one row per slot: an alternative to the charts, and the source of the crosshair. */
export function timelineTable(timeline: TimelineSeries, axis: TimeAxis, first: 'token' | 'byte'): Html {
  const services = Object.keys(timeline.ready);
  const metrics = metricColumns(timeline);
  const head = html`<tr><th scope="col" rowspan="2">From</th><th scope="colgroup" colspan="3">Time to first ${first}</th><th scope="colgroup" colspan="2">Latency</th><th scope="colgroup" colspan="4">Requests per second</th>${services.length > 0 && html`<th scope="colgroup" colspan="${services.length}">Ready</th>`}${metrics.length > 0 && html`<th scope="colgroup" colspan="3">Requests in the engines</th><th scope="colgroup" colspan="3">Fullest replica</th>`}${timeline.attempts && html`<th scope="col" rowspan="2">Attempts</th>`}<th scope="col" rowspan="2">Faults in effect</th></tr>
<tr>${['P50', 'P90', 'P99', 'P50', 'P99', 'offered', 'completed', 'failed', 'dropped', ...services, ...metrics.map(({ name }) => name)].map(name => html`<th scope="col">${name}</th>`)}</tr>`;
  const rows = timeline.offered.map((_, index) => row(timeline, axis, index));
  const table = scrollTable({ id: 'figures', caption: 'Values behind the charts', head, rows });
  return html`<details class="figures"><summary>Show as a table</summary>${table}</details>`;
}

function row(timeline: TimelineSeries, axis: TimeAxis, index: number): Html {
  const latencies = [
    timeline.ttftP50Ms,
    timeline.ttftP90Ms,
    timeline.ttftP99Ms,
    timeline.latencyP50Ms,
    timeline.latencyP99Ms,
  ].map(series => series[index] ?? null);
  const rates = [timeline.offered, timeline.completed, timeline.failed, timeline.dropped].map(s => s[index] ?? 0);
  const ready = Object.values(timeline.ready).map(series => series[index] ?? null);
  const metrics = metricColumns(timeline).map(({ values, unit }) => ({ value: values[index] ?? null, unit }));
  const fromMs = index * timeline.slotMs;
  const inEffect = axis.bands.filter(
    band => band.fromMs !== null && band.fromMs < fromMs + timeline.slotMs && (band.toMs ?? 0) > fromMs,
  );
  return html`<tr><th scope="row">${instant(fromMs)}</th>${latencies.map(value => (value === null ? html`<td title="no sample">–</td>` : html`<td>${quantity(value, 'ms')}</td>`))}${rates.map(rate => html`<td>${quantity(rate, '/s')}</td>`)}${ready.map(count => html`<td>${count === null ? '–' : quantity(count, '')}</td>`)}${metrics.map(({ value, unit }) => (value === null ? html`<td title="no sample">–</td>` : html`<td>${quantity(value, unit)}</td>`))}${timeline.attempts && html`<td>${quantity(timeline.attempts[index] ?? 0, '/s')}</td>`}<td class="words">${inEffect.map(band => band.label).join(', ')}</td></tr>`;
}
