import { type Html, html } from '../html.ts';
import type { TimelineColumn } from '../timeline-table.ts';
import { type Chart, type ChartSeries, drawChart, type TimeAxis } from './chart.ts';

/**
 * Chart with its title and legend.
 * @param columns columns of the table from which its crosshair reads the values. @default no crosshair
 */
export function figure(chart: Chart, axis: TimeAxis, columns?: readonly TimelineColumn[]): Html {
  const { id, title, note, series, limits, hiddenLimits } = chart;
  const column = (values: ChartSeries['values']) =>
    columns && html` data-column="${columns.findIndex(column => column.values === values) + 1}"`;
  const crosshair = columns && html` data-end="${axis.endMs}" data-slot="${axis.slotMs}" data-label="${title}"`;
  return html`<figure${columns && html` id="chart-${id}"`}>
<figcaption><h3>${title} <small>${note}</small></h3>
<ul class="legend">${series.map(one => html`<li${column(one.values)}>${sample(one)}<span>${one.name}</span></li>`)}${limits.map(({ label }) => html`<li>${svg(html`<path class="limit" d="M0 7H28"/>`)}<span>${label}</span></li>`)}${hiddenLimits.map(({ label }) => html`<li><span>${label} (above this chart)</span></li>`)}</ul></figcaption>
<div class="plot"${crosshair}>${drawChart(chart, axis)}</div>
</figure>`;
}

function sample({ kind, look }: ChartSeries): Html {
  return svg(
    kind === 'bar'
      ? html`<rect class="bar look-${look}" x="7" y="1" width="14" height="12"/>`
      : html`<path class="series look-${look}" d="M0 7H28"/>`,
  );
}

function svg(shape: Html): Html {
  return html`<svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true">${shape}</svg>`;
}
