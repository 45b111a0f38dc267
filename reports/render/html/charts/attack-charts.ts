import type { AttackPoint } from '../../../../harness/requests.ts';
import type { FaultResult } from '../../../store/run-document.ts';
import { instant, quantity } from '../format.ts';
import { type Content, type Html, html } from '../html.ts';
import { scrollTable } from '../table.ts';
import { type Chart, type ChartSeries, drawChart, type TimeAxis } from './chart.ts';
import { linearScale } from './chart-scale.ts';
import { sample } from './timeline-section.ts';

const SECOND_MS = 1000;
const COUNTS = ['held', 'closed', 'refused', 'served'] as const;
const LOOKS = { held: 1, closed: 2, refused: 3, served: 7 } as const;

/**
 * The course of an attack on a time axis of its own: what it held, and what had become of the others by then. Under the charts stand the
 * same figures. Nothing for a fault that is no attack.
 */
export function attackCharts({ id, attack = [], injectedAtMs }: FaultResult, index: number): Content {
  const last = attack.at(-1);
  if (!last) return null;
  const since = injectedAtMs === null ? 'since its start' : `since its start at ${instant(injectedAtMs)}`;
  const axis = axisOf(attack);
  const charts = [
    chartOf(attack, axis, ['held'], { title: `${id}: connections held`, note: since }),
    chartOf(attack, axis, ['closed', 'refused', 'served'], {
      title: `${id}: closed, refused and served`,
      note: `all of them ${since}`,
    }),
  ];
  const head = html`<tr>${['After', ...COUNTS].map(name => html`<th scope="col">${name}</th>`)}</tr>`;
  const rows = attack.map(
    point =>
      html`<tr><th scope="row">${instant(point.atMs)}</th>${COUNTS.map(name => html`<td>${quantity(point[name], '')}</td>`)}</tr>`,
  );
  const caption = html`${id}: connections held, and all that were closed, refused and served by then`;
  const table = scrollTable({ id: `attack-${index}`, caption, head, rows });
  return html`${charts.map(chart => figure(chart, axis))}<details class="figures"><summary>The same as figures</summary>${table}</details>`;
}

/** Points lie a whole number of seconds apart, but for the last, which takes its slot from the one before. */
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
    return { name, kind: 'step', look: LOOKS[name], values, column: COUNTS.indexOf(name) + 1 };
  });
  const most = Math.max(...names.flatMap(name => attack.map(point => point[name])));
  return {
    id: title,
    title,
    note,
    label: `${title}, at most ${quantity(most, '')}`,
    scale: linearScale(most, true),
    series,
    limits: [],
    // A flood serves millions, for whose zeros a narrow page has no room.
    format: value => (value < 1e6 ? quantity(value, '') : quantity(value / 1e6, 'M')),
  };
}

function figure(chart: Chart, axis: TimeAxis): Html {
  return html`<figure>
<figcaption><h3>${chart.title} <small>${chart.note}</small></h3>
<ul class="legend">${chart.series.map(series => html`<li>${sample(series)}<span>${series.name}</span></li>`)}</ul></figcaption>
<div class="plot">${drawChart(chart, axis)}</div>
</figure>`;
}
