import type { SloResult } from '../../store/run-document.ts';
import { isBeyond } from '../cells.ts';
import { intervalBar } from './charts/interval-bar.ts';
import { quantity, quantityOr } from './format.ts';
import { type Content, type Html, html } from './html.ts';
import { cardTable, cell } from './table.ts';
import { verdictSign } from './verdict-sign.ts';

const HEADINGS = ['SLO', 'Window', 'Measured', 'Interval', 'Samples', 'Verdict'];

/** Table of the SLOs with measured values, confidence intervals and verdicts. */
export function sloTable(slos: readonly SloResult[]): Html {
  if (slos.length === 0) return html`<p class="empty">No SLO was judged in this run.</p>`;
  return cardTable({
    id: 'slo-table',
    caption:
      'Vertical line: the limit, shaded on the permitted side. Dot: measured value. Bar: lower to upper bound, each with the given one-sided confidence.',
    head: html`<tr role="row">${HEADINGS.map(text => html`<th scope="col" role="columnheader"${text === 'Samples' && html` class="number"`}>${text}</th>`)}</tr>`,
    rows: slos.map(row),
  });
}

function row(slo: SloResult): Html {
  return html`<tr role="row"><th scope="row" role="rowheader"><span class="name">${slo.name}</span><code>${slo.objective}</code></th>${[
    cell('Window', html`<code>${slo.window}</code>`),
    cell('Measured', measured(slo)),
    cell('Interval', [intervalBar(slo), bounds(slo)]),
    cell('Samples', quantity(slo.samples, ''), 'number'),
    cell('Verdict', [verdictSign(slo.verdict), html`<span class="reason">${slo.reason}</span>`]),
  ]}</tr>`;
}

function measured(slo: SloResult): Content {
  const { survivors, unit } = slo;
  const beside =
    survivors &&
    survivors.measured !== null &&
    html` <small>${quantity(survivors.measured, unit)} of those with a ${survivors.lacking}</small>`;
  return [html`<b>${isBeyond(slo) ?? quantityOr(slo.measured, unit, slo.reason)}</b>`, beside];
}

function bounds({ confidence, unit, infinite = [] }: SloResult): Content {
  const { level, lower, upper } = confidence;
  const isOpen = lower === null && upper === null && infinite.length === 0;
  if (isOpen) return html`<span class="bounds"><small>no interval</small></span>`;
  const text = (bound: number | null, open: string) => (bound === null ? open : quantity(bound, unit));
  return html`<span class="bounds">${text(lower, infinite.includes('lower') ? '∞' : '−∞')} … ${text(upper, '∞')} <small>at ${quantity(level, 'ratio')}</small></span>`;
}
