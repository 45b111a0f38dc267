import type { EventRow } from '../../store/run-document.ts';
import { instant, quantity } from './format.ts';
import { type Html, html } from './html.ts';
import { scrollTable } from './table.ts';

const MOST_EVENTS = 1500;
const MOST_CHARACTERS = 300;

/** What happened, in order; shut until it is wanted. Bounded, because a report must open anywhere: the rest is in the event file. */
export function eventLog(events: readonly EventRow[]): Html {
  if (events.length === 0) return html`<p class="empty">Nothing was recorded.</p>`;
  const left = events.length - MOST_EVENTS;
  const table = scrollTable({
    id: 'event-table',
    caption:
      left > 0
        ? `The first ${quantity(MOST_EVENTS, '')} events; ${quantity(left, '')} more are in the event file`
        : 'Time counts from the start of driving',
    head: html`<tr><th scope="col">At</th><th scope="col">Kind</th><th scope="col">Event</th></tr>`,
    rows: events
      .slice(0, MOST_EVENTS)
      .map(
        ({ atMs, kind, text }) =>
          html`<tr><th scope="row">${instant(atMs, 3)}</th><td class="words"><code>${kind}</code></td><td class="words">${clip(text)}</td></tr>`,
      ),
  });
  return html`<details class="events"><summary>${quantity(events.length, '')} event${events.length === 1 ? '' : 's'}</summary>
<p class="filter scripted" hidden><label>Show events that contain <input type="search" id="event-filter" autocomplete="off" spellcheck="false"></label> <output for="event-filter"></output></p>
${table}</details>`;
}

function clip(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
}
