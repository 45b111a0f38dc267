import type { TuneCandidate, TuneDocument, TuneEvidence } from '../../store/tune-document.ts';
import { quantityOr } from '../html/format.ts';
import { type Html, html } from '../html/html.ts';
import { renderPage, type Section } from '../html/page.ts';
import { cardTable, cell } from '../html/table.ts';
import { type Status, verdictSign } from '../html/verdict-sign.ts';
import { htmlTable } from '../rows.ts';
import { differenceRows, sloRows, variantRows } from '../variants/markdown.ts';
import { changesText, evidenceRows, shortField } from './cells.ts';
import { tuneChart } from './chart.ts';

/** A search for a better HPA as one self-contained HTML file. */
export function renderTuneHtml(document: TuneDocument): string {
  const title = `HPA tuned under ${document.scenarios.join(', ')}`;
  const { changes, evidence, confirmations, tried } = document;
  const chart = tuneChart(document);
  const sections: Section[] = [
    ...(changes.length > 0 ? [['changes', 'Changes', changesTable(document)] as const] : []),
    ...(evidence.length > 0
      ? [['evidence', 'Evidence', htmlTable('evidence-table', EVIDENCE_CAPTION, evidenceRows(document))] as const]
      : []),
    ...(chart ? [['frontier', 'Cost against P99 TTFT', chart, 'Frontier'] as const] : []),
    ...evidence.map(
      (one, index) => [`figures-${index}`, figuresTitle(one), figures(one, index), `Figures ${index + 1}`] as const,
    ),
    ...(confirmations.length > 0 ? [['held-out', 'Held-out seeds', confirmationsTable(document)] as const] : []),
    ...(tried.length > 0 ? [['tried', 'Tried', triedTable(document)] as const] : []),
    ['method', 'Method', method(document)],
  ];
  return renderPage({ title, banner: banner(document, title), sections });
}

const EVIDENCE_CAPTION =
  'Means over the seeds with 95 % intervals. An SLO that is inconclusive counts as not met. The difference is by seed, in percent of yours.';

function banner(
  { end, outcome, answer, reasons, file, replay, runOwn, runTuned, yaml }: TuneDocument,
  title: string,
): Html {
  const status: Status = end === 'interrupted' ? 'interrupted' : outcome === 'better' ? 'pass' : 'inconclusive';
  return html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>${title}</h1>
<p class="summary">${answer[0]!.toUpperCase()}${answer.slice(1)}.</p>
${reasons.length > 0 && html`<ul class="reasons">${reasons.map(reason => html`<li>${reason}</li>`)}</ul>`}
</header>
${yaml !== undefined && html`<p class="why">The tuned file is <a href="${encodeURI(yaml)}"><code>${yaml}</code></a>, yours is <code>${file}</code>.</p>`}
<p class="hint">Repeat with <code>${replay}</code></p>
<details><summary>Run one of the two, with a report</summary><p class="hint"><code>${runOwn}</code></p>${runTuned !== undefined && html`<p class="hint"><code>${runTuned}</code></p>`}</details>`;
}

function changesTable({ changes }: TuneDocument): Html {
  return cardTable({
    id: 'changes-table',
    caption: 'All other fields are as in your file.',
    head: heads(['Field', 'Yours', 'Tuned']),
    rows: changes.map(
      ({ field, own, tuned }) =>
        html`<tr role="row"><th scope="row" role="rowheader">${field}</th>${cell('Yours', own)}${cell('Tuned', tuned)}</tr>`,
    ),
  });
}

function figuresTitle({ scenario, phase, comparison }: TuneEvidence): string {
  return `${scenario}, ${phase} seeds ${comparison.seeds.join(' ')}`;
}

function figures(one: TuneEvidence, index: number): Html {
  const differences = differenceRows(one.comparison);
  const of = figuresTitle(one);
  return html`${htmlTable(`variants-${index}`, `Means, with their intervals: ${of}.`, variantRows(one.comparison))}
${differences.length > 1 && htmlTable(`differences-${index}`, `Differences by seed, with their intervals: ${of}.`, differences)}
${htmlTable(`slos-${index}`, `Seeds whose run met the SLO: ${of}.`, sloRows(one.comparison))}`;
}

const OUTCOMES = { pass: 'pass', fail: 'fail', unfinished: 'inconclusive' } as const;

function confirmationsTable({ confirmations }: TuneDocument): Html {
  return cardTable({
    id: 'held-out-table',
    caption: 'Each on seeds that nothing else had run on. Those of one that failed became training.',
    head: heads(['Changes', 'Seeds', 'Outcome', 'Why']),
    rows: confirmations.map(
      ({ changes, seeds, outcome, reason }) =>
        html`<tr role="row"><th scope="row" role="rowheader">${changesText(changes)}</th>${[
          cell('Seeds', seeds.join(' ')),
          cell('Outcome', verdictSign(OUTCOMES[outcome])),
          cell('Why', reason),
        ]}</tr>`,
    ),
  });
}

function triedTable({ tried }: TuneDocument): Html {
  return cardTable({
    id: 'tried-table',
    caption: 'In their order. The cost is that in proportion to the best one until then, on the same runs.',
    head: heads(['Round', 'Changes', 'Cost', 'Runs', 'Outcome', 'Why']),
    rows: tried.map(
      ({ round, changes, costRatio, runs, outcome, reason }) =>
        html`<tr role="row"><th scope="row" role="rowheader">${round}</th>${[
          cell('Changes', changesText(changes)),
          cell('Cost', quantityOr(costRatio, 'ratio', 'one of the two has none')),
          cell('Runs', runs),
          cell('Outcome', OUTCOME_WORDS[outcome]),
          cell('Why', reason),
        ]}</tr>`,
    ),
  });
}

const OUTCOME_WORDS: Readonly<Record<TuneCandidate['outcome'], string>> = {
  best: 'best so far',
  better: 'better',
  worse: 'no better',
};

function method({ fields, runs, rounds, wallMs, seed }: TuneDocument): Html {
  return html`<ul class="plain">
<li>${runs} runs in virtual time, ${rounds} rounds, ${quantityOr(wallMs, 'ms', '')}, search seed ${seed}.</li>
<li>A configuration must pass every SLO in every run. Of those that do, the one with the lowest cost in proportion to yours, over all scenarios and training seeds, was run on seeds that the search had not seen.</li>
<li>Varied: ${fields.map(({ field, values }) => `${shortField(field)} (${values} values)`).join(', ')}.</li>
</ul>`;
}

function heads(names: readonly string[]): Html {
  return html`<tr role="row">${names.map(name => html`<th scope="col" role="columnheader">${name}</th>`)}</tr>`;
}
