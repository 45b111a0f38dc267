import type { Quantiles, WindowResult } from '../../store/run-document.ts';
import { instant, percentage, quantity, quantityOr } from './format.ts';
import { type Content, type Html, html } from './html.ts';
import { scrollTable } from './table.ts';

const QUANTILES = ['P50', 'P90', 'P99', 'max'];

/** Column of the windows table, or several under one heading. */
interface Column {
  readonly heading: string;
  /** Headings of the columns under it; none for one column. */
  readonly parts?: readonly string[];
  readonly cells: (window: WindowResult) => Content;
}

/** Table of the windows with their counts and quantiles. */
export function windowsTable(windows: readonly WindowResult[], first: 'token' | 'byte'): Html {
  if (windows.length === 0) {
    return html`<p class="empty">This run has no windows: it ended before its load phase.</p>`;
  }
  const columns = columnsOf(windows, first);
  const tokens =
    first === 'token' && '; gaps are between successive tokens, TPOT is the time per output token of a response';
  return scrollTable({
    id: 'windows-table',
    caption: html`Latency and time to first ${first} count from the scheduled arrival${tokens}. Quantiles are those of the requests that have the value; “none” counts the others.`,
    head: html`<tr>${columns.map(({ heading, parts }) => html`<th ${parts ? html`scope="colgroup" colspan="${parts.length}"` : html`scope="col" rowspan="2"`}>${heading}</th>`)}</tr>
<tr>${columns.map(({ parts = [] }) => parts.map(name => html`<th scope="col">${name}</th>`))}</tr>`,
    rows: windows.map(
      window => html`<tr><th scope="row">${window.name}</th>${columns.slice(1).map(({ cells }) => cells(window))}</tr>`,
    ),
  });
}

function columnsOf(windows: readonly WindowResult[], first: 'token' | 'byte'): Column[] {
  const quantiles = (
    heading: string,
    parts: readonly string[],
    of: (window: WindowResult) => Quantiles,
    why: string,
    without?: (window: WindowResult) => number,
  ) => ({
    heading,
    parts: without && windows.some(window => without(window) > 0) ? [...parts, 'none'] : parts,
    cells: (window: WindowResult) => {
      const { p50, p90, p99, max } = of(window);
      const values = parts.length === 2 ? [p50, p99] : [p50, p90, p99, max];
      const none =
        without && windows.some(other => without(other) > 0) && html`<td>${quantity(without(window), '')}</td>`;
      return [values.map(value => html`<td>${quantityOr(value, 'ms', why)}</td>`), none];
    },
  });
  const isDropping = windows.some(({ dropped }) => dropped > 0);
  return [
    { heading: 'Window', cells: () => null },
    {
      heading: 'From – to',
      cells: ({ fromMs, toMs }) => html`<td>${instant(fromMs).replace('\u00a0s', '')} – ${instant(toMs)}</td>`,
    },
    { heading: 'Requests', cells: ({ requests }) => html`<td>${quantity(requests, '')}</td>` },
    { heading: 'Failed', cells: failed },
    ...(isDropping
      ? [{ heading: 'Dropped', cells: ({ dropped }: WindowResult) => html`<td>${quantity(dropped, '')}</td>` }]
      : []),
    quantiles(
      `Time to first ${first}`,
      QUANTILES,
      ({ ttftMs }) => ttftMs,
      `no first ${first} in this window`,
      ({ without }) => without.ttft,
    ),
    quantiles(
      'Latency',
      QUANTILES,
      ({ latencyMs }) => latencyMs,
      'no completed request in this window',
      ({ without }) => without.latency,
    ),
    ...(first === 'token' ? [{ heading: 'Token gap', parts: ['P50', 'P99'], cells: gaps }] : []),
    ...(first === 'token'
      ? [quantiles('TPOT', ['P50', 'P99'], ({ tpotMs }) => tpotMs, 'no response with two tokens in this window')]
      : []),
  ];
}

function failed(window: WindowResult): Html {
  const ratio = window.failed > 0 && percentage(window.failed, window.requests);
  return html`<td>${quantity(window.failed, '')}${ratio && html` <small>${ratio}</small>`}${errors(window)}</td>`;
}

/** Gaps between tokens, and below them how many tokens came at once where that was more than one. */
function gaps({ itlMs, tokensPerRead = 1 }: WindowResult): Content {
  const bundled = tokensPerRead >= 2 && html`<small class="kinds">${quantity(tokensPerRead, '')} tokens a read</small>`;
  return [itlMs.p50, itlMs.p99].map(
    (value, index) =>
      html`<td>${quantityOr(value, 'ms', 'no gap between tokens in this window')}${index === 0 && bundled}</td>`,
  );
}

/** Kinds of failures below their number, most frequent first. */
function errors({ errors }: WindowResult): Content {
  const kinds = Object.entries(errors).sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  const texts = kinds.map(([kind, count]) => html`<span class="nowrap">${kind} ${quantity(count, '')}</span>`);
  return texts.length > 0 && html`<small class="kinds">${texts.map((text, i) => [i > 0 && ', ', text])}</small>`;
}
