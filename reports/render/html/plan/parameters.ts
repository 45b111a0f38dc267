import type { FaultPlan } from '../../../../harness/plan.ts';
import { quantity } from '../format.ts';
import { type Content, html, missing } from '../html.ts';

/** Parameters of a fault as a list. */
export function parameters(given: FaultPlan['parameters']): Content {
  const entries = Object.entries(given);
  if (entries.length === 0) return missing('no parameters');
  return html`<ul class="plain">${entries.map(([name, value]) => html`<li>${name} <b>${parameter(name, value)}</b></li>`)}</ul>`;
}

/** Formats a parameter: a duration, whose name ends in `Ms`, with its unit, anything else as it was given. */
function parameter(name: string, value: unknown): string {
  if (typeof value === 'number') return name.endsWith('Ms') ? quantity(value, 'ms') : quantity(value, '');
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
}
