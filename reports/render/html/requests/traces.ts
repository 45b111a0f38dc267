import type { RequestTrace, TraceRow } from '../../../store/request-trace.ts';
import type { NotableRequest } from '../../../store/run-document.ts';
import { quantity } from '../format.ts';
import { type Html, html } from '../html.ts';
import { scrollTable } from '../table.ts';

const WIDTH = 320;
const HEIGHT = 14;

/** Number of a request, which leads to its trace where there is one: a browser opens the `details` around what a link points to. */
export function traceLink({ index, trace }: NotableRequest): Html {
  return trace ? html`<a href="#trace-${index}">${index}</a>` : html`${index}`;
}

/** Traces of requests, folded up: who did what for how long. Null without any. */
export function tracesOf(requests: readonly NotableRequest[]): Html | null {
  const traced = new Map(requests.filter(({ trace }) => trace).map(request => [request.index, request]));
  if (traced.size === 0) return null;
  return html`<h3>Traces</h3>
<p class="hint">Times from the scheduled arrival. <span class="key load">Client</span>, <span class="key server">gateway</span>, <span class="key client">attempt at an upstream</span>, <span class="key internal">a part of the gateway</span>, <span class="key error">failed</span>; a tick is the first output. Clocks of services are read to the millisecond.</p>
${[...traced.values()].map(
  request => html`<details class="trace"><summary>Request ${request.index}: ${request.kind}, ${quantity(request.tookMs, 'ms')}</summary>
${waterfall(request, request.trace!)}</details>\n`,
)}`;
}

function waterfall({ index, tookMs }: NotableRequest, { rows, more }: RequestTrace): Html {
  const endMs = Math.max(1, tookMs, ...rows.map(({ startMs, durationMs }) => startMs + durationMs));
  return scrollTable({
    id: `trace-${index}`,
    caption: html`Trace of request ${index}${more > 0 && `: ${more} more rows are in the collector’s log`}`,
    head: html`<tr><th scope="col">What</th><th scope="col" class="words">By</th><th scope="col">Start</th><th scope="col">Duration</th><th scope="col"></th></tr>`,
    rows: rows.map(
      row =>
        html`<tr><th scope="row" class="depth-${Math.min(6, row.depth)}">${row.name}${row.error !== undefined && html` <small>${row.error}</small>`}</th><td class="words">${row.by}</td><td>${quantity(row.startMs, 'ms')}</td><td>${quantity(row.durationMs, 'ms')}</td><td>${bar(row, endMs)}</td></tr>`,
    ),
  });
}

function bar({ kind, startMs, durationMs, marksMs, error }: TraceRow, endMs: number): Html {
  const x = (ms: number) => Number(((Math.min(Math.max(ms, 0), endMs) / endMs) * WIDTH).toFixed(1));
  const [from, to] = [x(startMs), x(startMs + durationMs)];
  const width = Math.max(1.5, Number((to - from).toFixed(1)));
  return html`<svg class="waterfall" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" aria-hidden="true"><path class="axis" d="M0 ${HEIGHT / 2}H${WIDTH}"/><rect class="${error === undefined ? kind : 'error'}" x="${Math.min(from, WIDTH - width)}" y="2" width="${width}" height="${HEIGHT - 4}"/>${marksMs.map(ms => html`<path class="tick" d="M${x(ms)} 0V${HEIGHT}"/>`)}</svg>`;
}
