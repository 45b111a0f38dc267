import type { RunDocument, UpstreamResult } from '../../../store/run-document.ts';
import { percentage, quantity, quantityOr } from '../format.ts';
import { type Html, html } from '../html.ts';
import { scrollTable } from '../table.ts';

/** Table of the upstreams that served the load, as responses name them. */
export function upstreamsTable(
  upstreams: readonly UpstreamResult[],
  { sent }: RunDocument['load'],
  first: 'token' | 'byte',
): Html {
  const named = upstreams.reduce((sum, { requests }) => sum + requests, 0);
  const rest = sent - named;
  const heads = ['Upstream', 'Requests', 'Ratio', 'Failed'];
  const tokens = first === 'token';
  return scrollTable({
    id: 'upstreams-table',
    caption: html`As responses name them. Quantiles are those of the requests that have the value${tokens && '; tokens are averaged over the whole load'}.${rest > 0 && ` ${quantity(rest, '')} of ${quantity(sent, '')} requests got no response that names one${upstreams.length >= 20 ? ', or one of those that are left out here' : ''}.`}`,
    head: html`<tr>${heads.map(name => html`<th scope="col" rowspan="2">${name}</th>`)}<th scope="colgroup" colspan="2">Time to first ${first}</th><th scope="colgroup" colspan="2">Latency</th>${tokens && html`<th scope="col" rowspan="2">Output tokens</th>`}</tr>
<tr>${['P50', 'P99', 'P50', 'P99'].map(name => html`<th scope="col">${name}</th>`)}</tr>`,
    rows: upstreams.map(
      ({ name, requests, failed, ttftMs, latencyMs, outputTokensPerSecond }) =>
        html`<tr><th scope="row">${name}</th><td>${quantity(requests, '')}</td><td>${percentage(requests, named)}</td><td>${quantity(failed, '')}${failed > 0 && html` <small>${percentage(failed, requests)}</small>`}</td>${[ttftMs.p50, ttftMs.p99].map(value => html`<td>${quantityOr(value, 'ms', `no first ${first}`)}</td>`)}${[latencyMs.p50, latencyMs.p99].map(value => html`<td>${quantityOr(value, 'ms', 'no completed request')}</td>`)}${tokens && html`<td>${quantity(outputTokensPerSecond, '/s')}</td>`}</tr>`,
    ),
  });
}
