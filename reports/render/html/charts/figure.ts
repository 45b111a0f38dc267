import { type Html, html, trusted } from '../html.ts';
import type { TimelineColumn } from '../timeline-table.ts';
import { type Chart, type ChartSeries, drawChart, type TimeAxis } from './chart.ts';
import { markersAt } from './lines.ts';

/** Patterns of bars by the number of their style, once a page: kinds are told apart without their colours. */
export const PATTERNS = trusted(
  `<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>${[
    ['10', '<path d="M0 6L6 0M-1 1L1-1M5 7L7 5"/>'],
    ['11', '<circle cx="2" cy="2" r="1.3"/>'],
    ['12', '<path d="M0 0L6 6M-1 5L1 7M5-1L7 1"/>'],
    ['13', '<path d="M0 3H6"/>'],
    ['14', '<path d="M0 3H6M3 0V6"/>'],
  ]
    .map(
      ([look, shape]) =>
        `<pattern id="pattern-${look}" class="pattern-${look}" width="${look === '11' ? 4 : 6}" height="${look === '11' ? 4 : 6}" patternUnits="userSpaceOnUse">${shape}</pattern>`,
    )
    .join('')}</defs></svg>`,
);

/**
 * Chart with its title and legend.
 * @param columns columns of the table from which its crosshair reads the values. @default no crosshair
 */
export function figure(chart: Chart, axis: TimeAxis, columns?: readonly TimelineColumn[]): Html {
  const { id, title, note, series, limits, hiddenLimits } = chart;
  const columnOf = ({ values, column = values }: ChartSeries) =>
    columns && html` data-column="${columns.findIndex(one => one.values === column) + 1}"`;
  const crosshair = columns && html` data-end="${axis.endMs}" data-slot="${axis.slotMs}" data-label="${title}"`;
  return html`<figure${columns && html` id="chart-${id}"`}>
<figcaption><h3>${title} <small>${note}</small></h3>
<ul class="legend">${series.map(one => html`<li${columnOf(one)}>${sample(one)}<span>${one.name}</span></li>`)}${limits.map(({ label }) => html`<li>${svg(html`<path class="limit" d="M0 7H28"/>`)}<span>${label}</span></li>`)}${hiddenLimits.map(({ label }) => html`<li><span>${label} (above this chart)</span></li>`)}</ul></figcaption>
<div class="plot"${crosshair}>${drawChart(chart, axis)}</div>
</figure>`;
}

/** Sample of a style, for a legend. */
export function sample({ kind, look }: Pick<ChartSeries, 'kind' | 'look'>): Html {
  return svg(
    kind === 'bar'
      ? html`<rect class="bar look-${look}" x="7" y="1" width="14" height="12"/>`
      : html`<path class="series look-${look}" d="M0 7H28"/>${markersAt(look, [[14, 7]])}`,
  );
}

function svg(shape: Html): Html {
  return html`<svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true">${shape}</svg>`;
}
