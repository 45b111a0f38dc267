import type { SuiteDocument } from '../../store/suite-document.ts';
import { revisionText } from '../cells.ts';
import { type Html, html } from '../html/html.ts';
import { renderPage } from '../html/page.ts';
import { cardTable, cell } from '../html/table.ts';
import { type Status, verdictSign } from '../html/verdict-sign.ts';
import { changesSentence } from './changes.ts';
import { conclusion, platformsOf, statusOf } from './texts.ts';

/** A suite on the index of nights. */
export interface Night {
  /** Folder of the suite, relative to the index. */
  readonly path: string;
  readonly document: SuiteDocument;
}

/**
 * Index of the nights of suites, newest first: what each found, what got worse since the one before, with links to their pages.
 * @param history page of their history, see `renderTrendPages`. @default none
 */
export function renderNightsHtml(nights: readonly Night[], history?: string): string {
  const sorted = nights.toSorted((a, b) => (a.document.startedAt < b.document.startedAt ? 1 : -1));
  // The newest of each: platforms have suites of their own, and one that passes hides none that does not.
  const last = [...Map.groupBy(sorted, ({ document }) => nameOf(document)).values()].map(
    ([newest]) => newest!.document,
  );
  const status = WORST_FIRST.find(one => last.some(document => statusOf(document) === one)) ?? 'inconclusive';
  return renderPage({
    title: 'Nights',
    banner: html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>Nights</h1>
${last.length === 0 ? html`<p class="summary">There are none yet.</p>` : last.map(document => html`<p class="summary">${document.startedAt.slice(0, 10)}, ${nameOf(document)}: ${conclusion(document)}</p>`)}
</header>${
      history !== undefined &&
      html`
<p class="hint"><a href="${history}">What changed from night to night</a></p>`
    }`,
    sections: [['nights', 'Nights', nightsTable(sorted)]],
  });
}

function nightsTable(nights: readonly Night[]): Html {
  return cardTable({
    id: 'nights-table',
    caption: 'Newest first. Each leads to the page of its suite, with the reports of all its runs.',
    head: html`<tr role="row">${['Started', 'Suite', 'Result', 'Found', 'Against the one before'].map(name => html`<th scope="col" role="columnheader">${name}</th>`)}</tr>`,
    rows: nights.map(({ path, document }) => {
      const { startedAt, baseline, revision } = document;
      const started = html`<a href="${encodeURI(path)}/index.html">${startedAt.slice(0, 16).replace('T', ' ')}</a>${revision && html`<br><small>${revisionText(revision)}</small>`}`;
      return html`<tr role="row"><th scope="row" role="rowheader">${started}</th>${cell('Suite', nameOf(document))}${cell('Result', verdictSign(statusOf(document)))}${cell('Found', conclusion(document))}${cell('Against the one before', baseline ? changesSentence(baseline) : 'not compared')}</tr>`;
    }),
  });
}

const WORST_FIRST: readonly Status[] = ['invalid', 'interrupted', 'fail', 'inconclusive', 'pass'];

const nameOf = (document: SuiteDocument) => `${document.suite} on ${platformsOf(document).join(', ')}`;
