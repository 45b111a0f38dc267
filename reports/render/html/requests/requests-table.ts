import type { NotableRequest, RenderInput } from '../../../store/run-document.ts';
import { failureNotes, firstUnit } from '../../cells.ts';
import { instant, quantity, quantityOr } from '../format.ts';
import { type Content, type Html, html } from '../html.ts';
import { scrollTable } from '../table.ts';
import { traceLink, tracesOf } from './traces.ts';

/** Requests one by one: the first failures of each kind with what the service said, and the slowest. Null if nothing was sent. */
export function requestsSection({ document, notable, plan }: RenderInput): Html | null {
  const { failed, failures, slowest, slowestFirst } = notable;
  if (failed.length + slowest.length + slowestFirst.length === 0) return null;
  const words = new Map(failureNotes(document).map(({ name, text }) => [name, text]));
  const first = firstUnit(plan);
  const part =
    failed.length < failures
      ? `${quantity(failed.length, '')} of ${quantity(failures, '')} failed requests, the first of each kind;`
      : 'All failed requests, by arrival;';
  const file = document.artifacts.requests ?? 'the records';
  const columns = columnsOf(first, document.load.attempts !== undefined);
  const listed = (id: string, caption: string, requests: readonly NotableRequest[], last: readonly Column[]) =>
    requests.length > 0 && table(id, caption, requests, [...columns, ...last, ...ids]);
  const latency: Column = { name: 'Latency', of: ({ tookMs }) => quantity(tookMs, 'ms') };
  const id: Column = { name: 'x-request-id', of: ({ id }) => html`<code class="nowrap">${id}</code>`, isText: true };
  const ids = notable.slowestFirst.concat(slowest, failed).some(({ id }) => id !== undefined) ? [id] : [];
  return html`<p class="hint">A request’s number is its index in ${file}, which has all of them, in the order of scheduled arrivals. Servers’ logs know it by its <code>x-request-id</code>.</p>
${listed('failed-requests', `${part} words: the first response of that kind`, failed, [
  { ...latency, name: 'Ended after' },
  { name: 'Words', of: ({ kind }) => html`<span class="said">${words.get(kind) ?? '–'}</span>`, isText: true },
])}
${listed('slowest-first', `The ${slowestFirst.length} slowest to the first ${first}`, slowestFirst, [latency])}
${listed('slowest-requests', `The ${slowest.length} slowest to complete`, slowest, [latency])}
${tracesOf([...failed, ...slowestFirst, ...slowest])}`;
}

interface Column {
  readonly name: string;
  readonly of: (request: NotableRequest) => Content;
  /** Whether it holds words, not numbers. @default false */
  readonly isText?: boolean;
}

/** Columns after the request and before how it ended. */
function columnsOf(first: 'token' | 'byte', retried: boolean): Column[] {
  return [
    { name: 'Scheduled', of: ({ scheduledMs }) => instant(scheduledMs, 3) },
    { name: 'Outcome', of: ({ kind }) => kind, isText: true },
    { name: 'Status', of: ({ status }) => (status === 0 ? '–' : String(status)) },
    { name: 'Upstream', of: ({ upstream }) => (upstream === '' ? '–' : upstream), isText: true },
    ...(retried ? [{ name: 'Attempts', of: ({ attempts }: NotableRequest) => quantity(attempts, '') }] : []),
    {
      name: first === 'token' ? 'TTFT' : 'TTFB',
      of: ({ ttftMs }) => quantityOr(ttftMs, 'ms', `no first ${first}`),
    },
  ];
}

function table(id: string, caption: string, requests: readonly NotableRequest[], columns: readonly Column[]): Html {
  const words = (isText = false) => isText && html` class="words"`;
  return scrollTable({
    id,
    caption,
    head: html`<tr><th scope="col">Request</th>${columns.map(({ name, isText }) => html`<th scope="col"${words(isText)}>${name}</th>`)}</tr>`,
    rows: requests.map(
      request =>
        html`<tr><th scope="row">${traceLink(request)}</th>${columns.map(({ of, isText }) => html`<td${words(isText)}>${of(request)}</td>`)}</tr>`,
    ),
  });
}
