import type { ScalingResult } from '../../store/run-document.ts';
import { instant, quantity } from './format.ts';
import { type Content, type Html, html, missing } from './html.ts';
import { scrollTable } from './table.ts';

const STEPS = [
  ['Signal', 'signalAtMs'],
  ['Decided', 'decidedAtMs'],
  ['Started', 'startedAtMs'],
  ['Ready', 'readyAtMs'],
  ['First served', 'firstServedAtMs'],
  ['Restored', 'restoredAtMs'],
] as const;
const WIDTH = 240;

/** Table of the scaling reactions, with a waterfall of the steps after each load step. */
export function scalingTable(scaling: readonly ScalingResult[]): Html {
  return scrollTable({
    id: 'scaling-table',
    caption: 'Times since the load step; each part of the bar ends when its step was reached.',
    head: html`<tr><th scope="col">Trigger</th><th scope="col">Load step</th>${STEPS.map(([name]) => html`<th scope="col">${name}</th>`)}<th scope="col">Waterfall</th></tr>`,
    rows: scaling.map(row),
  });
}

function row(reaction: ScalingResult): Html {
  const after = STEPS.map(([, key]) => (reaction[key] === null ? null : reaction[key] - reaction.stepAtMs));
  return html`<tr><th scope="row">${reaction.trigger}</th><td>${instant(reaction.stepAtMs)}</td>${after.map(value => html`<td>${value === null ? missing('did not happen') : quantity(value, 'ms')}</td>`)}<td>${waterfall(after)}</td></tr>`;
}

function waterfall(after: readonly (number | null)[]): Content {
  const most = Math.max(0, ...after.map(value => value ?? 0));
  if (most === 0) return missing('no step was reached');
  let from = 0;
  const parts = after.map((value, index) => {
    if (value === null || value < from) return null;
    const [x, to] = [(from / most) * WIDTH, (value / most) * WIDTH];
    from = value;
    return html`<rect class="part-${index % 2}" x="${x.toFixed(1)}" y="2" width="${Math.max(0.5, to - x - 1).toFixed(1)}" height="12"/>`;
  });
  return html`<svg class="waterfall" viewBox="0 0 ${WIDTH} 16" width="${WIDTH}" height="16" aria-hidden="true">${parts}</svg>`;
}
