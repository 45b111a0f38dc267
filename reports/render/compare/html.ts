import type { CompareDocument, ComparedSide } from '../../store/compare-document.ts';
import { revisionText } from '../cells.ts';
import { type Html, html } from '../html/html.ts';
import { renderPage, type Section } from '../html/page.ts';
import { type Status, verdictSign } from '../html/verdict-sign.ts';
import { htmlCards, type Rows } from '../rows.ts';
import { recordText } from '../suite/texts.ts';
import { conclusion, explanations, indicatorRows, settingRows } from './rows.ts';

const STATUS: Readonly<Record<CompareDocument['verdict'], Status>> = {
  regression: 'fail',
  improvement: 'pass',
  equal: 'pass',
  'no-evidence': 'inconclusive',
  incomparable: 'invalid',
  invalid: 'invalid',
};

const NUMBERS = ['Base', 'Candidate', 'Difference', 'Detectable'];

/** `compare.html`: a comparison as one self-contained file. */
export function renderCompareHtml(document: CompareDocument): string {
  const { scenario, changed, incomparable, indicators } = document;
  const sections: Section[] = [
    ...(indicators.length > 0
      ? [
          [
            'indicators',
            'Indicators',
            htmlCards('indicators-table', 'Regressions first.', indicatorRows(document), NUMBERS),
          ] as const,
        ]
      : []),
    ...(incomparable.length > 0
      ? [
          [
            'incomparable',
            'What forbids it',
            htmlCards(
              'incomparable-table',
              'Load, faults and platform have to be the same.',
              settingRows(incomparable),
            ),
          ] as const,
        ]
      : []),
    ...(changed.length > 0
      ? [
          [
            'changed',
            'What differs',
            htmlCards('changed-table', 'Settings of the stack.', settingRows(changed)),
          ] as const,
        ]
      : []),
    ['runs', 'Runs', htmlCards('runs-table', 'What was compared.', sideRows(document))],
  ];
  return renderPage({ title: `Comparison of ${scenario}`, banner: banner(document), sections });
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

/** Sides: a row each. In virtual time every run starts at the same moment of a clock of its own, which says nothing. */
function sideRows({ base, candidate, platform }: CompareDocument): Rows {
  const isVirtual = platform === 'virtual';
  const rowOf = (side: string, { runs, startedAt, versions, machine, revision }: ComparedSide) => [
    side,
    runs.map(({ id, seed, verdict }) => `${id}, seed ${seed}: ${verdict}`).join('; '),
    ...(isVirtual ? [] : [startedAt]),
    revision ? revisionText(revision) : '–',
    recordText(versions),
    recordText(machine),
  ];
  return [
    ['Side', 'Runs', ...(isVirtual ? [] : ['Started']), 'Commit', 'Versions', 'Machine'],
    rowOf('base', base),
    rowOf('candidate', candidate),
  ];
}
