import type { CapacityResult } from '../../../store/capacity-results.ts';
import { percentage, quantity } from '../format.ts';
import { type Html, html, missing } from '../html.ts';
import { scrollTable } from '../table.ts';

/** Nodes of each pool, and pods that waited for them. */
export function capacitySection({ pools, waiting, waited }: CapacityResult): Html {
  const more = waited - waiting.length;
  return html`${scrollTable({
    id: 'pools-table',
    caption: 'Nodes of each pool in the load phase, on average, from their boot on.',
    head: headOf(['Pool', 'Nodes', 'Booted', 'Taken by the provider', 'GPUs occupied', 'Cost']),
    rows: pools.map(
      ({ pool, spot, nodes, booted, taken, occupied, dollars }) =>
        html`<tr><th scope="row">${pool}${spot && html` <small>spot</small>`}</th>${[nodes, booted, taken].map(value => html`<td>${quantity(value, '')}</td>`)}<td>${occupied === null ? missing('no GPUs') : percentage(occupied, 1)}</td><td>${quantity(dollars, '$')}</td></tr>`,
    ),
  })}
${
  waiting.length > 0 &&
  scrollTable({
    id: 'waiting-table',
    caption: html`Pods that waited for a place, or lost one, with the reason of the longest wait.${more > 0 && ` ${more} more are in the event file.`}`,
    head: headOf(['Pod', 'Waited', 'Evicted', 'Reason']),
    rows: waiting.map(
      ({ replica, waitedMs, isPending, evictions, reason }) =>
        html`<tr><th scope="row">${replica}</th><td>${quantity(waitedMs, 'ms')}${isPending && html`<br><small>to the end</small>`}</td><td>${quantity(evictions, '')}</td><td>${reason}</td></tr>`,
    ),
  })
}`;
}

function headOf(names: readonly string[]): Html {
  return html`<tr>${names.map(name => html`<th scope="col">${name}</th>`)}</tr>`;
}
