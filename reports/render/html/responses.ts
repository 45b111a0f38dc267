import type { RunDocument } from '../../store/run-document.ts';
import { FAILURES_TITLE, failureNotes, warningLines } from '../cells.ts';
import { quantity } from './format.ts';
import { type Content, type Html, html } from './html.ts';
import { cardTable, cell } from './table.ts';

/** What the service sent that a reader should know: the first response of each kind of failure, and warnings. Null if there is nothing. */
export function responsesSection(document: RunDocument): { readonly title: string; readonly body: Html } | null {
  const failures = failureNotes(document);
  const warnings = warningLines(document);
  if (failures.length + warnings.length === 0) return null;
  const list = html`<ul class="warnings">${warnings.map(line => html`<li>${line}</li>`)}</ul>`;
  if (failures.length === 0) return { title: 'Warnings', body: list };
  return {
    title: FAILURES_TITLE,
    body: html`${failuresTable(failures)}${warnings.length > 0 && html`<h3>Warnings</h3>${list}`}`,
  };
}

function failuresTable(failures: ReturnType<typeof failureNotes>): Html {
  return cardTable({
    id: 'failures-table',
    caption: 'The first response of each kind, up to 300 bytes; counts include the warm-up.',
    head: html`<tr role="row">${['Failure', 'Count', 'Response'].map(text => html`<th scope="col" role="columnheader"${text === 'Count' && html` class="number"`}>${text}</th>`)}</tr>`,
    rows: failures.map(
      ({ text, count, example, headers = {} }) =>
        html`<tr role="row"><th scope="row" role="rowheader"><span class="said">${text}</span></th>${cell('Count', quantity(count, ''), 'number')}${cell('Response', [sent(example), from(headers)])}</tr>`,
    ),
  });
}

function sent(example: string): Content {
  return example === '' ? html`<small>no body</small>` : html`<code>${example}</code>`;
}

function from(headers: Readonly<Record<string, string>>): Content {
  const entries = Object.entries(headers);
  return (
    entries.length > 0 &&
    html`<small>${entries.map(([name, value], i) => [i > 0 && ', ', `${name}: ${value}`])}</small>`
  );
}
