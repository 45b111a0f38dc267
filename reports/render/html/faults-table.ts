import type { FaultResult } from '../../store/run-document.ts';
import { attackCharts } from './charts/attack-charts.ts';
import { instant, quantity } from './format.ts';
import { type Content, type Html, html, missing } from './html.ts';
import { cardTable, cell } from './table.ts';

const HEADINGS = ['Fault', 'Target', 'Parameters', 'Injected', 'Bit', 'Healed', 'Evidence'];

/** Every fault: what it was, when it was seen to act and to be gone, and by what that was seen; then the course of each attack. */
export function faultsTable(faults: readonly FaultResult[]): Html {
  if (faults.length === 0) return html`<p class="empty">No fault was planned for this run.</p>`;
  const table = cardTable({
    id: 'faults-table',
    caption: 'Bit: first seen to act. A fault that never bit makes the run invalid.',
    head: html`<tr role="row">${HEADINGS.map(text => html`<th scope="col" role="columnheader">${text}</th>`)}</tr>`,
    rows: faults.map(row),
  });
  return html`${table}${faults.map(attackCharts)}`;
}

function row(fault: FaultResult): Html {
  const { injectedAtMs, bitAtMs, healedAtMs, evidence } = fault;
  return html`<tr role="row"><th scope="row" role="rowheader"><span class="name">${fault.id}</span><code>${fault.kind}</code></th>${[
    cell('Target', html`<code>${fault.target}</code>`),
    cell('Parameters', parameters(fault)),
    cell('Injected', injectedAtMs === null ? missing('the run ended before it') : instant(injectedAtMs), 'time'),
    cell('Bit', bitAtMs === null ? neverBit(fault) : instant(bitAtMs), 'time'),
    cell('Healed', healed(healedAtMs, fault), 'time'),
    cell('Evidence', evidence === '' ? missing('nothing was seen') : evidence, 'evidence'),
  ]}</tr>`;
}

function neverBit(fault: FaultResult): Content {
  return fault.injectedAtMs === null ? missing('it was not injected') : html`<span class="bad">never</span>`;
}

function healed(healedAtMs: number | null, fault: FaultResult): Content {
  if (healedAtMs === null) {
    return fault.bitAtMs === null ? missing('it never acted') : html`<span class="bad">not seen to heal</span>`;
  }
  return [instant(healedAtMs), html`<small>${fault.healVerified ? 'verified' : 'not verified'}</small>`];
}

function parameters({ parameters }: FaultResult): Content {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return missing('this kind was given none');
  return html`<ul class="plain">${entries.map(([name, value]) => html`<li>${name} <b>${parameter(name, value)}</b></li>`)}</ul>`;
}

/** Names end in their unit, as in `latencyMs`; durations are shown with it, anything else as it was written. */
function parameter(name: string, value: unknown): string {
  if (typeof value === 'number') return name.endsWith('Ms') ? quantity(value, 'ms') : quantity(value, '');
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
}
