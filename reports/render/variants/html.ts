import type { VariantsDocument } from '../../store/variants-document.ts';
import { type Content, type Html, html } from '../html/html.ts';
import { renderPage, type Section } from '../html/page.ts';
import { cardTable, cell } from '../html/table.ts';
import { type Status, verdictSign } from '../html/verdict-sign.ts';
import { htmlTable } from '../rows.ts';
import { blindTexts, explanations, frontierText } from './cells.ts';
import { frontierChart } from './chart.ts';
import { differenceRows, seedsText, sloRows, variantRows } from './markdown.ts';

const STATUS: Readonly<Record<VariantsDocument['exitCode'], Status>> = {
  0: 'pass',
  1: 'fail',
  2: 'inconclusive',
  4: 'invalid',
  130: 'interrupted',
};

/** Comparison of variants as one self-contained HTML file, with links to the reports of its runs beside it. */
export function renderVariantsHtml(document: VariantsDocument): string {
  const chart = frontierChart(document);
  const sections: Section[] = [
    [
      'variants',
      'Variants',
      [htmlTable('variants-table', 'Means over the seeds, with their intervals.', variantRows(document))],
    ],
    ...(chart ? [['frontier', 'Cost against P99', chart, 'Frontier'] as const] : []),
    ...(document.variants.length > 1
      ? [
          [
            'differences',
            'Differences',
            htmlTable('differences-table', 'By seed, with their intervals.', differenceRows(document)),
          ] as const,
        ]
      : []),
    ['slos', 'SLOs', htmlTable('slos-table', 'Seeds whose run met the SLO.', sloRows(document))],
    ['runs', 'Runs', runsTable(document)],
    ['overrides', 'Overrides', overrides(document)],
  ];
  return renderPage({ title: `Variants of ${document.scenario}`, banner: banner(document), sections });
}

function banner(document: VariantsDocument): Html {
  const { variants, scenario, seeds, why, platform, replay } = document;
  const status = STATUS[document.exitCode];
  const on = variants.filter(({ onFrontier }) => onFrontier).map(({ name }) => name);
  const dominated = variants.filter(({ dominatedBy }) => dominatedBy);
  const reasons = [...blindTexts(document), ...dominated.map(variant => `${variant.name}: ${frontierText(variant)}`)];
  const frontier =
    on.length === 0
      ? 'No frontier: no variant has both a cost and a P99.'
      : `On the frontier of cost and P99: ${on.join(', ')}.`;
  return html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>Variants of ${scenario}</h1>
<p class="summary">${frontier}</p>
${reasons.length > 0 && html`<ul class="reasons">${reasons.map(reason => html`<li>${reason}</li>`)}</ul>`}
</header>
<p class="why">${why}</p>
${explanations(document).map(sentence => html`<p class="hint">${sentence}</p>`)}
<p class="hint">On ${platform}, seeds ${seedsText(seeds)}. Repeat with <code>${replay}</code></p>`;
}

function runsTable({ runs }: VariantsDocument): Html {
  return cardTable({
    id: 'runs-table',
    caption: 'Each has a report of its own.',
    head: html`<tr role="row">${['Variant', 'Seed', 'Verdict', 'Why'].map(head => html`<th scope="col" role="columnheader">${head}</th>`)}</tr>`,
    rows: runs.map(({ variant, seed, verdict, directory, reasons }) => {
      const report: Content =
        directory === undefined ? seed : html`<a href="${encodeURI(directory)}/report.html">${seed}</a>`;
      return html`<tr role="row"><th scope="row" role="rowheader">${variant}</th>${[
        cell('Seed', report),
        cell('Verdict', verdictSign(verdict)),
        cell('Why', reasons[0] ?? ''),
      ]}</tr>`;
    }),
  });
}

function overrides({ variants }: VariantsDocument): Html {
  return html`<ul class="plain">${variants.map(
    ({ name, set }) =>
      html`<li><b>${name}</b> ${Object.keys(set).length === 0 ? 'the scenario as it is' : Object.entries(set).map(([path, value]) => html`<code>${path}=${JSON.stringify(value)}</code> `)}</li>`,
  )}</ul>`;
}
