import type { FaultResult } from '../../store/run-document.ts';
import { attackCharts } from './charts/attack-charts.ts';
import { instant } from './format.ts';
import { type Content, type Html, html, missing } from './html.ts';
import { parameters } from './plan/parameters.ts';
import { cardTable, cell } from './table.ts';

const HEADINGS = ['Fault', 'Target', 'Parameters', 'Injected', 'Took effect', 'Recovered', 'Evidence'];

/** Table of the faults: parameters, times of injection, effect and recovery, and the evidence; then the course of each attack. */
export function faultsTable(faults: readonly FaultResult[]): Html {
  if (faults.length === 0) return html`<p class="empty">No fault was planned for this run.</p>`;
  const table = cardTable({
    id: 'faults-table',
    caption:
      'Injected: where injection, and the window of the fault, began. Took effect: first observed effect; without one the run is invalid.',
    head: html`<tr role="row">${HEADINGS.map(text => html`<th scope="col" role="columnheader">${text}</th>`)}</tr>`,
    rows: faults.map(row),
  });
  return html`${table}${faults.map(attackCharts)}`;
}

function row(fault: FaultResult): Html {
  const { injectedAtMs, effectiveAtMs, healedAtMs, evidence } = fault;
  return html`<tr role="row"><th scope="row" role="rowheader"><span class="name">${fault.id}</span><code>${fault.kind}</code></th>${[
    cell('Target', html`<code>${fault.target}</code>`),
    cell('Parameters', parameters(fault.parameters)),
    cell('Injected', injectedAtMs === null ? missing('the run ended first') : instant(injectedAtMs), 'time'),
    cell('Took effect', effectiveAtMs === null ? noEffect(fault) : instant(effectiveAtMs), 'time'),
    cell('Recovered', recovered(healedAtMs, fault), 'time'),
    cell('Evidence', evidence === '' ? missing('no observations') : evidence, 'evidence'),
  ]}</tr>`;
}

function noEffect(fault: FaultResult): Content {
  return fault.injectedAtMs === null ? missing('not injected') : html`<span class="bad">no effect</span>`;
}

function recovered(healedAtMs: number | null, fault: FaultResult): Content {
  if (healedAtMs === null) {
    return fault.effectiveAtMs === null
      ? missing('it had no observable effect')
      : html`<span class="bad">not observed</span>`;
  }
  return [instant(healedAtMs), html`<small>${fault.healVerified ? 'verified' : 'not verified'}</small>`];
}
