import type { MetricSeries, TimelineSeries } from '../../store/run-document.ts';
import type { TimeAxis } from './charts/chart.ts';
import { instant, quantity } from './format.ts';
import { type Html, html } from './html.ts';
import { scrollTable } from './table.ts';

/** Column of values, one per slot. */
export interface TimelineColumn {
  /** Heading that it shares with its neighbours; empty for none. */
  readonly group: string;
  readonly name: string;
  readonly unit: string;
  readonly values: readonly (number | null)[];
}

/** Columns of the table after the time and before the faults. @param failures per second, by kind */
export function columnsOf(
  timeline: TimelineSeries,
  failures: readonly Pick<TimelineColumn, 'name' | 'values'>[],
  first: 'token' | 'byte',
): TimelineColumn[] {
  const { metrics, attempts, replicas } = timeline;
  return [
    ...group(`Time to first ${first}`, 'ms', {
      P50: timeline.ttftP50Ms,
      P90: timeline.ttftP90Ms,
      P99: timeline.ttftP99Ms,
    }),
    ...group('Latency', 'ms', {
      P50: timeline.latencyP50Ms,
      P90: timeline.latencyP90Ms,
      P99: timeline.latencyP99Ms,
    }),
    ...group('Requests per second', '/s', {
      offered: timeline.offered,
      sent: timeline.sent,
      completed: timeline.completed,
    }),
    ...failures.map(({ name, values }) => ({ group: 'Failed per second', name, unit: '/s', values })),
    ...group('', '', { 'In flight': timeline.inFlight }),
    ...(first === 'token'
      ? [
          ...group('Inter-token latency', 'ms', { P50: timeline.itlP50Ms, P99: timeline.itlP99Ms }),
          ...group('', '/s', { 'Output tokens per second': timeline.tokens }),
        ]
      : []),
    ...(replicas ? group('Scaled replicas', '', { ...replicas }) : []),
    ...group('Ready', '', timeline.ready),
    ...(metrics ? engineColumns(metrics) : []),
    ...(attempts ? group('', '/s', { Attempts: attempts }) : []),
  ];
}

/** Columns of the metrics that were sampled. */
function engineColumns(metrics: MetricSeries): TimelineColumn[] {
  return [
    ...group('Requests in the engines', '', {
      'waiting, fullest': metrics.maxWaiting,
      'waiting, all': metrics.waiting,
      'running, all': metrics.running,
      'in flight, all': metrics.inFlight ?? [],
    }),
    ...group('Fullest replica', '%', {
      'GPU utilisation': metrics.gpuPercent,
      'KV cache': metrics.kvCachePercent,
      'GPU memory': metrics.gpuMemoryPercent,
      'prefix cache hits': metrics.cacheHitPercent ?? [],
    }),
  ].filter(({ values }) => values.some(value => value !== null));
}

function group(
  group: string,
  unit: string,
  columns: Readonly<Record<string, TimelineColumn['values']>>,
): TimelineColumn[] {
  return Object.entries(columns).map(([name, values]) => ({ group, name, unit, values }));
}

/** Values behind the charts, one row per slot: an alternative to the charts, and the source of the crosshair. */
export function timelineTable(timeline: TimelineSeries, columns: readonly TimelineColumn[], axis: TimeAxis): Html {
  const groups: TimelineColumn[][] = [];
  for (const column of columns) {
    const last = groups.at(-1);
    if (last && column.group !== '' && last[0]!.group === column.group) last.push(column);
    else groups.push([column]);
  }
  const head = html`<tr><th scope="col" rowspan="2">From</th>${groups.map(({ 0: first, length }) => (first!.group === '' ? html`<th scope="col" rowspan="2">${first!.name}</th>` : html`<th scope="colgroup" colspan="${length}">${first!.group}</th>`))}<th scope="col" rowspan="2">Faults</th></tr>
<tr>${columns.map(({ group, name }) => group !== '' && html`<th scope="col">${name}</th>`)}</tr>`;
  const rows = timeline.offered.map((_, index) => row(timeline.slotMs, columns, axis, index));
  const table = scrollTable({ id: 'figures', caption: 'Values behind the charts', head, rows });
  return html`<details class="figures"><summary>Show as a table</summary>${table}</details>`;
}

function row(slotMs: number, columns: readonly TimelineColumn[], { bands }: TimeAxis, index: number): Html {
  const fromMs = index * slotMs;
  const inEffect = bands.filter(band => band.fromMs < fromMs + slotMs && band.toMs > fromMs);
  return html`<tr><th scope="row">${instant(fromMs)}</th>${columns.map(({ values, unit }) => cell(values[index] ?? null, unit))}<td class="words">${inEffect.map(band => band.label).join(', ')}</td></tr>`;
}

function cell(value: number | null, unit: string): Html {
  return value === null ? html`<td title="no sample">–</td>` : html`<td>${quantity(value, unit)}</td>`;
}
