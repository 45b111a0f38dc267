import type { EventRow } from '../../store/run-document.ts';
import { instant, quantity } from './format.ts';
import { type Html, html } from './html.ts';
import { scrollTable } from './table.ts';

const MAX_EVENTS = 1500;
const MAX_CHARACTERS = 300;

/** Event log in order of time, collapsed by default. Truncated to keep the report small: the event file contains the rest. */
export function eventLog(events: readonly EventRow[]): Html {
  if (events.length === 0) return html`<p class="empty">No events were recorded.</p>`;
  const remaining = events.length - MAX_EVENTS;
  const table = scrollTable({
    id: 'event-table',
    caption:
      remaining > 0
        ? `The first ${quantity(MAX_EVENTS, '')} events; ${quantity(remaining, '')} more are in the event file`
        : 'Times are relative to the start of the load phase',
    head: html`<tr><th scope="col">At</th><th scope="col">Kind</th><th scope="col">Event</th></tr>`,
    rows: events
      .slice(0, MAX_EVENTS)
      .map(
        ({ atMs, kind, text }) =>
          html`<tr><th scope="row">${instant(atMs, 3)}</th><td class="words"><code>${kind}</code></td><td class="words">${clip(text)}</td></tr>`,
      ),
  });
  return html`<details class="events"><summary>${quantity(events.length, '')} event${events.length === 1 ? '' : 's'}</summary>
<p class="filter scripted" hidden><label>Filter events <input type="search" id="event-filter" autocomplete="off" spellcheck="false"></label> <output for="event-filter"></output></p>
${table}</details>`;
}

function clip(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}…`;
}
