import type { ChangedSetting, CompareDocument, ComparedSide } from '../../store/compare-document.ts';
import { type Html, html } from '../html/html.ts';
import { renderPage, type Section } from '../html/page.ts';
import { cardTable, cell } from '../html/table.ts';
import { type Status, verdictSign } from '../html/verdict-sign.ts';
import { htmlTable } from '../rows.ts';
import { conclusion, explanations, indicatorRows, settingRows } from './rows.ts';

const STATUS: Readonly<Record<CompareDocument['verdict'], Status>> = {
  regression: 'fail',
  improvement: 'pass',
  equal: 'pass',
  'no-evidence': 'inconclusive',
  incomparable: 'invalid',
  invalid: 'invalid',
};

/** `compare.html`: a comparison as one self-contained file. */
export function renderCompareHtml(document: CompareDocument): string {
  const { scenario, changed, incomparable, indicators } = document;
  const sections: Section[] = [
    ...(indicators.length > 0
      ? [
          [
            'indicators',
            'Indicators',
            htmlTable('indicators-table', 'Regressions first.', indicatorRows(document)),
          ] as const,
        ]
      : []),
    ...(incomparable.length > 0
      ? [
          [
            'incomparable',
            'What forbids it',
            settingsTable('incomparable-table', 'Load, faults and platform have to be the same.', incomparable),
          ] as const,
        ]
      : []),
    ...(changed.length > 0
      ? [['changed', 'What differs', settingsTable('changed-table', 'Settings of the stack.', changed)] as const]
      : []),
    ['runs', 'Runs', htmlTable('runs-table', 'What was compared.', runRows(document))],
  ];
  return renderPage({ title: `Comparison of ${scenario}`, banner: banner(document), sections });
}

function settingsTable(id: string, caption: string, settings: readonly ChangedSetting[]): Html {
  const [heads = [], ...rows] = settingRows(settings);
  return cardTable({
    id,
    caption,
    head: html`<tr role="row">${heads.map(head => html`<th scope="col" role="columnheader">${head}</th>`)}</tr>`,
    rows: rows.map(
      ([path, base, candidate]) =>
        html`<tr role="row"><th scope="row" role="rowheader">${path}</th>${cell('Base', base)}${cell('Candidate', candidate)}</tr>`,
    ),
  });
}

function banner(document: CompareDocument): Html {
  const status = STATUS[document.verdict];
  return html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>${document.scenario}, base and candidate</h1>
<p class="summary">${conclusion(document)}</p>
</header>
${explanations(document).map(sentence => html`<p class="hint">${sentence}</p>`)}
<p class="hint">Platform: ${document.platform}.</p>`;
}

function runRows({ base, candidate }: CompareDocument) {
  const rowsOf = (side: string, { runs, startedAt, versions, machine }: ComparedSide) =>
    runs.map(({ id, seed, verdict }) => [
      id,
      side,
      String(seed),
      verdict,
      startedAt,
      record(versions),
      record(machine),
    ]);
  return [
    ['Run', 'Side', 'Seed', 'Verdict', 'Started', 'Versions', 'Machine'],
    ...rowsOf('base', base),
    ...rowsOf('candidate', candidate),
  ];
}

function record(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
