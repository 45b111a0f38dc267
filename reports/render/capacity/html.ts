import type { CapacityDocument, CapacityStep } from '../../store/capacity-document.ts';
import { quantity, quantityOr } from '../html/format.ts';
import { type Html, html } from '../html/html.ts';
import { renderPage, type Section } from '../html/page.ts';
import { cardTable, cell } from '../html/table.ts';
import { type Status, verdictSign } from '../html/verdict-sign.ts';
import { dollars, loadText, planText } from './cells.ts';
import { capacityCharts } from './chart.ts';

const TITLES = { rate: 'Capacity', users: 'Capacity in users', replicas: 'Replicas needed' } as const;

/** A capacity search as one self-contained HTML file. */
export function renderCapacityHtml(document: CapacityDocument): string {
  const charts = capacityCharts(document);
  const plan = planSection(document);
  const sections: Section[] = [
    ...(charts.length > 0 ? [['curves', 'Figures over the load', charts, 'Figures'] as const] : []),
    ...(plan ? [['plan', 'Plan for a day', plan, 'Plan'] as const] : []),
    ['steps', 'Steps', stepsTable(document)],
    ['method', 'Method', html`<ul class="plain">${document.notes.map(note => html`<li>${note}</li>`)}</ul>`],
  ];
  const title = `${TITLES[document.find]} of ${document.scenario}`;
  return renderPage({ title, banner: banner(document, title), sections });
}

function banner(document: CapacityDocument, title: string): Html {
  const { stop, answer, reasons, platform, target, seed, replay, level, edge, knee, find } = document;
  const status: Status = stop === 'interrupted' ? 'interrupted' : stop === 'precise' ? 'pass' : 'inconclusive';
  const where = target === undefined ? platform : target;
  const sentences = [
    ...(edge ? [`The interval holds the edge with a probability of at least ${quantity(100 * level, '%')}.`] : []),
    ...(knee === null ? [] : [`The knee, where P99 begins to bend upwards, is at ${loadText(find, knee)}.`]),
  ];
  return html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>${title}</h1>
<p class="summary">${answer}.</p>
${reasons.length > 0 && html`<ul class="reasons">${reasons.map(reason => html`<li>${reason}</li>`)}</ul>`}
</header>
${sentences.length > 0 && html`<p class="why">${sentences.join(' ')}</p>`}
<p class="hint">On ${where}, seeds from ${seed} on. Repeat with <code>${replay}</code></p>`;
}

function planSection(document: CapacityDocument): Html | null {
  const { daily, replicas, edge } = document;
  const text = planText(document);
  if (!daily || text === null || !edge) return null;
  const rows: readonly (readonly [string, string])[] = [
    ['Calls a day', quantity(daily.callsPerDay, '')],
    ['Peak', `${quantity(daily.peakPerSecond, '/s')}, ${quantity(daily.peakFactor, '')} times the mean`],
    ['Load of one', quantity(daily.perReplicaPerSecond, '/s')],
    [
      replicas === null && document.find !== 'replicas' ? 'Copies of the target' : 'Replicas',
      quantity(daily.replicas, ''),
    ],
    ['GPUs', quantity(daily.gpus, '')],
    ['A day', dollars(daily.dollarsPerDay)],
    ['A million calls', dollars(daily.dollarsPerMillionCalls)],
  ];
  return html`<p class="why">${text}</p>
${cardTable({
  id: 'plan-table',
  caption:
    'In proportion to the lower end of the interval; whatever else the service needs (gateways, networks) is not in it.',
  head: html`<tr role="row"><th scope="col" role="columnheader">For</th><th scope="col" role="columnheader">Takes</th></tr>`,
  rows: rows.map(
    ([name, value]) => html`<tr role="row"><th scope="row" role="rowheader">${name}</th>${cell(name, value)}</tr>`,
  ),
})}`;
}

const HEADS = ['Load', 'Verdict', 'Requests', 'Completed', 'P99 TTFT', 'P99 latency', 'Tokens', 'Why'];

function stepsTable({ steps, find }: CapacityDocument): Html {
  const ordered = [...steps].sort((a, b) => a.value - b.value || a.index - b.index);
  return cardTable({
    id: 'steps-table',
    caption: 'Each is a run at one constant load, by load. Its command repeats it alone.',
    head: html`<tr role="row">${HEADS.map(head => html`<th scope="col" role="columnheader">${head}</th>`)}</tr>`,
    rows: ordered.map(step => stepRow(step, find)),
  });
}

function stepRow(step: CapacityStep, find: CapacityDocument['find']): Html {
  const { value, verdict, met, requests, completedPerSecond, p99TtftMs, p99LatencyMs, tokensPerSecond } = step;
  const load = loadText(find, value);
  const side = verdict === 'inconclusive' && met !== null ? (met ? ' counts as met' : ' counts as missed') : '';
  const link = step.run === undefined ? load : html`<a href="${encodeURI(step.run)}/report.html">${load}</a>`;
  return html`<tr role="row"><th scope="row" role="rowheader">${link}</th>${[
    cell('Verdict', html`${verdictSign(verdict)}${side}`),
    cell('Requests', quantity(requests, '')),
    cell('Completed', quantity(completedPerSecond, '/s')),
    cell('P99 TTFT', quantityOr(p99TtftMs, 'ms', 'no request has it')),
    cell('P99 latency', quantityOr(p99LatencyMs, 'ms', 'no request has it')),
    cell('Tokens', quantity(tokensPerSecond, '/s')),
    cell('Why', html`${step.reason}<details><summary>Repeat</summary><code>${step.replay}</code></details>`),
  ]}</tr>`;
}
