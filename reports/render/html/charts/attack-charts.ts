import type { AttackPoint } from '../../../../harness/requests.ts';
import type { FaultResult } from '../../../store/run-document.ts';
import { instant, quantity } from '../format.ts';
import { type Content, html } from '../html.ts';
import { scrollTable } from '../table.ts';
import type { Chart, ChartSeries, TimeAxis } from './chart.ts';
import { linearScale } from './chart-scale.ts';
import { figure } from './figure.ts';

const SECOND_MS = 1000;
const COUNTS = ['open', 'closed', 'rejected', 'served'] as const;
const LABELS = { open: 'open', closed: 'closed by server', rejected: 'rejected', served: 'served' } as const;
const LOOKS = { open: 1, closed: 2, rejected: 3, served: 7 } as const;

/**
 * Charts of an attack on a time axis of its own: open connections, and the cumulative outcome of all others, followed by the same
 * figures as a table. Null for a fault that is not an attack.
 */
export function attackCharts({ id, attack = [], injectedAtMs }: FaultResult, index: number): Content {
  const last = attack.at(-1);
  if (!last) return null;
  const since = injectedAtMs === null ? 'from its start' : `from its start at ${instant(injectedAtMs)}`;
  const axis = axisOf(attack);
  const charts = [
    chartOf(attack, axis, ['open'], { title: `${id}: open connections`, note: since }),
    chartOf(attack, axis, ['closed', 'rejected', 'served'], {
      title: `${id}: closed by server, rejected and served`,
      note: `cumulative ${since}`,
    }),
  ];
  const head = html`<tr>${['After', ...COUNTS.map(name => LABELS[name])].map(name => html`<th scope="col">${name}</th>`)}</tr>`;
  const rows = attack.map(
    point =>
      html`<tr><th scope="row">${instant(point.atMs)}</th>${COUNTS.map(name => html`<td>${quantity(point[name], '')}</td>`)}</tr>`,
  );
  const caption = html`${id}: open connections, and the cumulative number of closed, rejected and served ones`;
  const table = scrollTable({ id: `attack-${index}`, caption, head, rows });
  return html`${charts.map(chart => figure(chart, axis))}<details class="figures"><summary>Show as a table</summary>${table}</details>`;
}

/** Points are a whole number of seconds apart, except the last, which replaces the point before it in the same slot. */
function axisOf(attack: readonly AttackPoint[]): TimeAxis {
  const endMs = Math.max(SECOND_MS, attack.at(-1)!.atMs);
  const gaps = Math.max(1, attack.length - 1);
  return { slotMs: Math.max(SECOND_MS, SECOND_MS * Math.round(endMs / gaps / SECOND_MS)), endMs, bands: [] };
}

function chartOf(
  attack: readonly AttackPoint[],
  { slotMs }: TimeAxis,
  names: readonly (typeof COUNTS)[number][],
  { title, note }: Pick<Chart, 'title' | 'note'>,
): Chart {
  const slots = Math.floor(attack.at(-1)!.atMs / slotMs) + 1;
  const series = names.map((name): ChartSeries => {
    const values = Array.from({ length: slots }, (): number | null => null);
    for (const point of attack) values[Math.floor(point.atMs / slotMs)] = point[name];
    return { name: LABELS[name], kind: 'step', look: LOOKS[name], values };
  });
  const max = Math.max(...names.flatMap(name => attack.map(point => point[name])));
  return {
    id: title,
    title,
    note,
    label: `${title}, at most ${quantity(max, '')}`,
    scale: linearScale(max, true),
    series,
    limits: [],
    hiddenLimits: [],
    unit: '',
  };
}
