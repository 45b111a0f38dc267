import type { RunDocument, Verdict } from '../../store/run-document.ts';
import { type Html, html, trusted } from './html.ts';

/** Status of a run: its verdict, or that it was stopped before it had one. */
export type Status = Verdict | 'interrupted';

/** Status of a run; an interruption takes precedence over the verdict. */
export function statusOf(document: RunDocument): Status {
  return document.interrupted ? 'interrupted' : document.verdict;
}

/** Label of each status in the report. */
export const STATUS_LABELS: Readonly<Record<Status, string>> = {
  pass: 'Pass',
  fail: 'Fail',
  inconclusive: 'Inconclusive',
  invalid: 'Invalid',
  interrupted: 'Interrupted',
};

/** Outline and symbol of each status, distinct without colour. */
const SHAPES: Readonly<Record<Status, Html>> = {
  pass: trusted('<circle cx="12" cy="12" r="11"/><path d="M7 12.5l3.5 3.5L17.5 8.5"/>'),
  fail: trusted('<path class="body" d="M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9z"/><path d="M8 8l8 8M16 8l-8 8"/>'),
  inconclusive: trusted(
    '<path class="body" d="M12 .5L23.5 12 12 23.5 .5 12z"/><path d="M9.3 9.6a2.7 2.7 0 1 1 4 2.4c-.9.5-1.3 1-1.3 2M12 16.8v.2"/>',
  ),
  invalid: trusted('<path class="body" d="M12 1.5L23.5 22H.5z"/><path d="M12 9v6M12 18.3v.2"/>'),
  interrupted: trusted('<rect class="body" x="1" y="1" width="22" height="22" rx="3"/><path d="M9 7.5v9M15 7.5v9"/>'),
};

/** Sign and label of a status. @param label @default that of {@link STATUS_LABELS} */
export function verdictSign(status: Status, label = STATUS_LABELS[status]): Html {
  return html`<span class="sign ${status}"><svg viewBox="0 0 24 24" aria-hidden="true">${SHAPES[status]}</svg>${label}</span>`;
}
