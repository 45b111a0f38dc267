import type { Quantiles, WindowResult } from '../../store/run-document.ts';
import { instant, percentage, quantity, quantityOr } from './format.ts';
import { type Content, type Html, html } from './html.ts';
import { scrollTable } from './table.ts';

/** Table of the windows with their counts and quantiles. */
export function windowsTable(windows: readonly WindowResult[], first: 'token' | 'byte'): Html {
  if (windows.length === 0) {
    return html`<p class="empty">This run has no windows: it ended before its load phase.</p>`;
  }
  return scrollTable({
    id: 'windows-table',
    caption: `Latency and time to first ${first} count from the scheduled arrival; gaps are between successive tokens, TPOT is the time per output token of a response. Quantiles are those of the requests that have the value.`,
    head: html`<tr><th scope="col" rowspan="2">Window</th><th scope="col" rowspan="2">From – to</th><th scope="col" rowspan="2">Requests</th><th scope="col" rowspan="2">Failed</th><th scope="col" rowspan="2">Dropped</th><th scope="colgroup" colspan="4">Time to first ${first}</th><th scope="colgroup" colspan="4">Latency</th><th scope="colgroup" colspan="2">Token gap</th><th scope="colgroup" colspan="2">TPOT</th><th scope="col" rowspan="2">Errors</th></tr>
<tr>${['P50', 'P90', 'P99', 'max', 'P50', 'P90', 'P99', 'max', 'P50', 'P99', 'P50', 'P99'].map(name => html`<th scope="col">${name}</th>`)}</tr>`,
    rows: windows.map(window => row(window, first)),
  });
}

function row(window: WindowResult, first: string): Html {
  const failed = percentage(window.failed, window.requests);
  return html`<tr><th scope="row">${window.name}</th><td>${instant(window.fromMs).replace('\u00a0s', '')} – ${instant(window.toMs)}</td><td>${quantity(window.requests, '')}</td><td>${quantity(window.failed, '')}${window.failed > 0 && failed !== null && html` <small>${failed}</small>`}</td><td>${quantity(window.dropped, '')}</td>${quantiles(window.ttftMs, `no first ${first} in this window`)}${quantiles(window.latencyMs, 'no completed request in this window')}${gaps(window)}${[window.tpotMs.p50, window.tpotMs.p99].map(value => html`<td>${quantityOr(value, 'ms', 'no response with two tokens in this window')}</td>`)}<td class="words">${errors(window)}</td></tr>`;
}

function quantiles({ p50, p90, p99, max }: Quantiles, why: string): Content {
  return [p50, p90, p99, max].map(value => html`<td>${quantityOr(value, 'ms', why)}</td>`);
}

/** Gaps between tokens, and beside them how many tokens came at once where that was more than one. */
function gaps({ itlMs, tokensPerRead = 1 }: WindowResult): Content {
  const bundled = tokensPerRead >= 2 && html` <small>${quantity(tokensPerRead, '')} tokens a read</small>`;
  return [itlMs.p50, itlMs.p99].map(
    value => html`<td>${quantityOr(value, 'ms', 'no gap between tokens in this window')}${bundled}</td>`,
  );
}

function errors({ errors }: WindowResult): Content {
  const kinds = Object.entries(errors).sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  return kinds.length === 0
    ? 'none'
    : kinds.map(([kind, count], i) => html`${i > 0 && ', '}<span class="nowrap">${kind} ${quantity(count, '')}</span>`);
}
