import type { TrendDocument, TrendNight, TrendScenario, TrendSeries } from '../../store/trend-document.ts';
import { quantity } from '../html/format.ts';
import { type Content, type Html, html } from '../html/html.ts';
import { renderPage, type Section } from '../html/page.ts';
import { cardTable, cell, scrollTable } from '../html/table.ts';
import { recordText } from '../suite/texts.ts';
import { trendChart } from './chart.ts';
import {
  changesOf,
  commitsText,
  commitText,
  conclusion,
  dateText,
  failedText,
  indicatorText,
  marksText,
  stepText,
  type ToldChange,
} from './texts.ts';

/** Nights in the overview of the scenarios. */
const RECENT = 14;

/** Pages of a history by their paths in its folder, with links between them and to the pages of its nights; each is one self-contained file. */
export function renderTrendPages(document: TrendDocument): ReadonlyMap<string, string> {
  const places = Map.groupBy(document.scenarios, pageOf);
  return new Map([
    ['index.html', indexPage(document)],
    ...[...places].map(([path, own]) => [path, scenarioPage(document, own)] as const),
  ]);
}

/** Page of a scenario in a suite, on all its platforms. */
function pageOf({ suite, scenario }: Pick<TrendScenario, 'suite' | 'scenario'>): string {
  return `pages/${suite}/${scenario}.html`;
}

const UP = '../../';

function indexPage(document: TrendDocument): string {
  const { scenarios, damaged } = document;
  const changes = changesOf(document);
  const flaky = scenarios.filter(({ isFlaky }) => isFlaky);
  const sections: Section[] = [
    [
      'changes',
      'What changed',
      changes.length > 0 ? changesTable(document, changes) : html`<p>No indicator is shown to have changed.</p>`,
      'Changes',
    ],
    ...(flaky.length > 0 ? [['flaky', 'Flaky', flakyTable(flaky)] as const] : []),
    ['scenarios', 'Scenarios', scenariosTable(document)],
    ['nights', 'Nights', html`<div class="figures">${nightsTable(document)}</div>`],
    ...(damaged.length > 0 ? [['unreadable', 'Unreadable', damagedTable(document)] as const] : []),
  ];
  return renderPage({ title: 'Trend', banner: banner('Trend', conclusion(document)), sections });
}

function banner(title: string, summary: string): Html {
  return html`<header class="banner">
<h1>${title}</h1>
<p class="summary">${summary}</p>
</header>`;
}

function changesTable({ nights }: TrendDocument, changes: readonly ToldChange[]): Html {
  return cardTable({
    id: 'trend-changes',
    caption:
      'The newest first. Without any change no more than one history in twenty shows one; of those that are shown, one in twenty may be none.',
    head: heads(['Scenario', 'Platform', 'Since', 'Commit', 'Change', 'Objective', 'Also changed']),
    rows: changes.map(({ series, change }) => {
      const night = nights[change.night]!;
      const word = change.kind === 'worse' ? '✗ worse' : '✓ better';
      return html`<tr role="row"><th scope="row" role="rowheader"><a href="${pageOf(series)}#${series.platform}">${series.scenario}</a></th>${cell('Platform', series.platform)}${cell('Since', linked(night, dateText(night, nights), ''))}${cell('Commit', commitsText(change, nights))}${cell('Change', `${word}: ${stepText(change, series)}`)}${cell('Objective', indicatorText(series))}${cell('Also changed', change.alsoChanged.join(', ') || '–')}</tr>`;
    }),
  });
}

function flakyTable(flaky: readonly TrendScenario[]): Html {
  return cardTable({
    id: 'trend-flaky',
    caption:
      'Runs of one night disagree, or the scenario went from passing to failing or back more than once. Bounds of the rate hold with 95 % each.',
    head: heads(['Scenario', 'Platform', 'Failed', 'Nights that disagree', 'Turns']),
    rows: flaky.map(
      one =>
        html`<tr role="row"><th scope="row" role="rowheader"><a href="${pageOf(one)}#${one.platform}">${one.scenario}</a></th>${cell('Platform', one.platform)}${cell('Failed', failedText(one))}${cell('Nights that disagree', one.mixed)}${cell('Turns', one.turns)}</tr>`,
    ),
  });
}

function scenariosTable({ scenarios, nights }: TrendDocument): Html {
  return cardTable({
    id: 'trend-scenarios',
    caption: `The last ${RECENT} nights of each, the newest last: ✓ pass, ✗ fail, ? inconclusive, ! invalid. Each links to the page of its night where that is kept.`,
    head: heads(['Scenario', 'Suite', 'Platform', 'Nights', 'Failed']),
    rows: scenarios.map(one => {
      const recent = one.nights.slice(-RECENT).map(({ night, verdicts }) => {
        const label = `${dateText(nights[night]!, nights)}: ${verdicts.join(', ')}`;
        return html`${linked(nights[night]!, marksText(verdicts), '', label)} `;
      });
      return html`<tr role="row"><th scope="row" role="rowheader"><a href="${pageOf(one)}#${one.platform}">${one.scenario}</a></th>${cell('Suite', one.suite)}${cell('Platform', one.platform)}${cell('Nights', recent)}${cell('Failed', `${one.failed} of ${one.decided}`)}</tr>`;
    }),
  });
}

function nightsTable({ nights, scenarios }: TrendDocument): Html {
  return cardTable({
    id: 'trend-nights',
    caption: 'The newest first. A night links to its page where its folder is kept.',
    head: heads(['Night', 'Suite', 'Commit', 'Passed', 'Versions', 'Machine']),
    rows: nights
      .map((night, index) => {
        const verdicts = scenarios.flatMap(one => one.nights.flatMap(own => (own.night === index ? own.verdicts : [])));
        const passed = `${verdicts.filter(verdict => verdict === 'pass').length} of ${verdicts.length}`;
        return html`<tr role="row"><th scope="row" role="rowheader">${linked(night, dateText(night, nights), '')}</th>${cell('Suite', night.suite)}${cell('Commit', night.commit === null ? '–' : commitText(night.commit))}${cell('Passed', passed)}${cell('Versions', recordText(night.versions))}${cell('Machine', recordText(night.machine))}</tr>`;
      })
      .toReversed(),
  });
}

function damagedTable({ damaged }: TrendDocument): Html {
  return cardTable({
    id: 'trend-damaged',
    caption: 'These nights are missing in all that is shown.',
    head: heads(['File', 'Why']),
    rows: damaged.map(
      ({ file, reason }) =>
        html`<tr role="row"><th scope="row" role="rowheader">${file}</th>${cell('Why', reason)}</tr>`,
    ),
  });
}

function scenarioPage(document: TrendDocument, places: readonly TrendScenario[]): string {
  const { nights, series } = document;
  const { suite, scenario } = places[0]!;
  const sections = places.map((place): Section => {
    const all = series.filter(one => pageOf(one) === pageOf(place) && one.platform === place.platform);
    // What is measured no longer comes last.
    const sorted = [...all.filter(({ isCurrent }) => isCurrent), ...all.filter(({ isCurrent }) => !isCurrent)];
    const rate = place.decided > 0 ? `Failed in ${failedText(place)}.` : 'No run passed or failed.';
    const body = html`<p>${rate}${place.isFlaky && ' It is flaky.'}</p>
${sorted.map(one =>
  trendChart(
    one,
    nights,
    place.nights.map(({ night }) => night),
  ),
)}
<details class="figures"><summary>Values by night</summary>${valuesTable(place, sorted, nights)}</details>`;
    return [place.platform, `On ${place.platform}`, body];
  });
  const title = `${scenario} in ${suite}`;
  return renderPage({
    title: `Trend of ${title}`,
    banner: html`${banner(title, 'What its SLOs measured, each night with its interval of 95 % a side.')}
<p class="hint"><a href="${UP}index.html">All scenarios</a></p>`,
    sections,
  });
}

function valuesTable(place: TrendScenario, series: readonly TrendSeries[], nights: readonly TrendNight[]): Html {
  return scrollTable({
    id: `values-${place.platform}`,
    caption: `Values on ${place.platform}, the newest night first.`,
    head: html`<tr><th scope="col">Night</th><th scope="col" class="words">Commit</th><th scope="col">Runs</th>${series.map(({ slo, window }) => html`<th scope="col">${slo} <small>${window}</small></th>`)}</tr>`,
    rows: place.nights
      .toReversed()
      .map(
        ({ night, verdicts }) =>
          html`<tr><th scope="row">${linked(nights[night]!, dateText(nights[night]!, nights), UP)}</th><td class="words">${nights[night]!.commit === null ? '–' : commitText(nights[night]!.commit!)}</td><td>${marksText(verdicts)}</td>${series.map(one => html`<td>${valueText(one, night)}</td>`)}</tr>`,
      ),
  });
}

function valueText({ points, unit }: TrendSeries, night: number): Content {
  const point = points.find(one => one.night === night);
  if (!point) return '–';
  if (point.isInfinite) return '✗ beyond every value';
  if (point.value === null) return '–';
  const { value, lower, upper } = point;
  const bound = (one: number | null, without: string) => (one === null ? without : quantity(one, unit));
  const interval = lower === null && upper === null ? '' : ` (${bound(lower, '−∞')} … ${bound(upper, '∞')})`;
  return html`${quantity(value, unit)}<small>${interval}</small>`;
}

/** A text as a link to the page of a night, where that is kept. @param up from the page to the folder of the history */
function linked({ page }: TrendNight, text: string, up: string, label?: string): Html {
  if (page === undefined) return html`<span title="${label}">${text}</span>`;
  return label === undefined
    ? html`<a href="${up}${encodeURI(page)}">${text}</a>`
    : html`<a href="${up}${encodeURI(page)}" aria-label="${label}">${text}</a>`;
}

function heads(names: readonly string[]): Html {
  return html`<tr role="row">${names.map(name => html`<th scope="col" role="columnheader">${name}</th>`)}</tr>`;
}
