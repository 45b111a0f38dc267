import { formatMs, formatSpan } from '../../../harness/quantity.ts';
import type { SuiteCell, SuiteDocument, SuiteGroup } from '../../store/suite-document.ts';
import { MARKS, revisionText } from '../cells.ts';
import { type Content, type Html, html } from '../html/html.ts';
import { renderPage, type Section } from '../html/page.ts';
import { cardTable, cell, scrollTable } from '../html/table.ts';
import { type Status, verdictSign } from '../html/verdict-sign.ts';
import { htmlCards } from '../rows.ts';
import { sloRows } from './rows.ts';
import {
  badProofsOf,
  CHANGE_WORDS,
  changesOf,
  conclusion,
  failuresOf,
  flakinessText,
  PROOF_WORDS,
  platformsOf,
  recordText,
  repeatedOf,
  type Skipped,
  STATE_WORDS,
  scenariosOf,
  seedText,
  skippedOf,
  statusOf,
  unprovenOf,
} from './texts.ts';

const SIGNS: Readonly<Record<Exclude<SuiteGroup['result'], 'refused' | 'skipped' | 'not-run'>, Status>> = {
  pass: 'pass',
  fail: 'fail',
  flaky: 'fail',
  inconclusive: 'inconclusive',
  unfinished: 'interrupted',
  invalid: 'invalid',
};

/** Index of a suite as one self-contained HTML file, with links to the reports of its runs below it. */
export function renderSuiteHtml(document: SuiteDocument): string {
  const [failures, proofs, skipped, repeated] = [
    failuresOf(document),
    badProofsOf(document),
    skippedOf(document.cells),
    repeatedOf(document),
  ];
  const flaky = document.groups.filter(({ flakiness }) => flakiness !== null);
  const sections: Section[] = [
    ...(failures.length > 0 ? [['failures', 'What did not pass', failuresTable(failures)] as const] : []),
    ...(flaky.length > 0 ? [['flaky', 'Flaky', flakyTable(flaky)] as const] : []),
    ...(proofs.length > 0 ? [['proofs', 'Proofs that do not hold', proofsTable(document), 'Proofs'] as const] : []),
    ...(document.baseline
      ? [['baseline', `Against ${document.baseline.id}`, changesTable(document), 'Baseline'] as const]
      : []),
    ['verdicts', 'Verdicts', matrix(document)],
    ...(repeated.length > 0
      ? [['slos', 'SLOs over the runs', htmlCards('suite-slos', SLOS_CAPTION, sloRows(document)), 'SLOs'] as const]
      : []),
    ...(skipped.length > 0 ? [['skipped', 'Skipped', skippedTable(skipped)] as const] : []),
    ['machine', 'Machine', machine(document)],
  ];
  return renderPage({ title: `Suite ${document.suite}`, banner: banner(document), sections });
}

const SLOS_CAPTION =
  'Of scenarios with several runs: how many met each SLO, and the mean of what they measured with its 95 % interval, from four runs on.';

function banner(document: SuiteDocument): Html {
  const { suite, why, replay, startedAt, wallMs } = document;
  const status = statusOf(document);
  return html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>Suite ${suite}</h1>
<p class="summary">${conclusion(document)}</p>
</header>
<p class="why">${why}</p>
<p class="hint">Started ${startedAt}, took ${formatSpan(wallMs)} on this machine. Repeat with <code>${replay}</code></p>`;
}

function matrix(document: SuiteDocument): Html {
  const platforms = platformsOf(document);
  const find = (scenario: string, platform: string) =>
    document.groups.find(group => group.scenario === scenario && group.platform === platform);
  return scrollTable({
    id: 'suite-verdicts',
    caption:
      'Each run links to its report, by its seed. The time is what all runs of a scenario on a platform took, without their proofs.',
    head: html`<tr><th scope="col">Scenario</th>${platforms.map(platform => html`<th scope="col" class="words">${platform}</th>`)}</tr>`,
    rows: scenariosOf(document).map(
      scenario =>
        html`<tr><th scope="row">${scenario}</th>${platforms.map(platform => {
          const group = find(scenario, platform);
          return html`<td class="words">${group && groupCell(group, document)}</td>`;
        })}</tr>`,
    ),
  });
}

function groupCell(group: SuiteGroup, document: SuiteDocument): Content {
  const { scenario, platform, result } = group;
  const cells = document.cells.filter(found => found.scenario === scenario && found.platform === platform);
  if (result === 'refused') return html`<a href="#failures">${STATE_WORDS.refused}</a>`;
  if (result === 'skipped' || result === 'not-run')
    return html`<a href="#skipped">${STATE_WORDS[cells[0]!.state as keyof typeof STATE_WORDS]}</a>`;
  const unproven = result === 'pass' ? unprovenOf(cells) : undefined;
  const label = unproven ? 'Pass, unproven' : { flaky: 'Flaky', unfinished: 'Not finished' }[result as string];
  return html`${verdictSign(unproven ?? SIGNS[result], label)}<br><small>${cells.map(own => html`${runLink(own)} · `)}${formatMs(group.wallMs)}${proofsText(cells)}</small>`;
}

/** `✓ 42`, a link to the report where there is one. */
function runLink(own: SuiteCell): Html {
  const mark = own.state === 'ended' ? MARKS[own.run!.verdict] : '–';
  const word = own.state === 'ended' ? own.run!.verdict : STATE_WORDS[own.state];
  const text = `${mark} ${seedText(own)}`;
  const directory = own.run?.directory;
  if (directory === undefined) return html`<span title="${word}">${text}</span>`;
  return html`<a href="${linkTo(directory)}" aria-label="${own.scenario} on ${own.platform}, seed ${seedText(own)}: ${word}">${text}</a>`;
}

function proofsText(cells: readonly SuiteCell[]): Content {
  const proofs = cells.flatMap(({ proofs }) => proofs);
  if (proofs.length === 0) return null;
  const holding = proofs.filter(({ outcome }) => outcome === 'holds').length;
  return html`<br>${holding} of ${proofs.length} ${proofs.length === 1 ? 'proof holds' : 'proofs hold'}`;
}

function failuresTable(failures: readonly SuiteCell[]): Html {
  return cardTable({
    id: 'suite-failures',
    caption: 'Each link leads to the report of the run.',
    head: heads(['Scenario', 'Platform', 'Seed', 'Result', 'Why']),
    rows: failures.map(own => {
      const result = own.state === 'ended' ? verdictSign(own.run!.verdict) : STATE_WORDS[own.state];
      return row(own, own.run?.directory, [cell('Result', result), cell('Why', own.sentence)]);
    }),
  });
}

function flakyTable(groups: readonly SuiteGroup[]): Html {
  return cardTable({
    id: 'suite-flaky',
    caption:
      'Some runs pass, some fail: that is no majority vote, but a rate of failure, whose bounds hold with 95 % each.',
    head: heads(['Scenario', 'Platform', 'Rate', 'By SLO']),
    rows: groups.map(({ scenario, platform, flakiness, slos }) => {
      const by = slos.flatMap(slo =>
        slo.flakiness ? [html`<li>${slo.name}: ${flakinessText(slo.flakiness)}</li>`] : [],
      );
      return html`<tr role="row"><th scope="row" role="rowheader">${scenario}</th>${cell('Platform', platform)}${cell('Rate', flakinessText(flakiness!))}${cell('By SLO', html`<ul class="plain">${by}</ul>`)}</tr>`;
    }),
  });
}

function proofsTable(document: SuiteDocument): Html {
  return cardTable({
    id: 'suite-proofs',
    caption: 'A proof takes one safeguard away; exactly the SLOs that rest on it must then fail.',
    head: heads(['Scenario', 'Platform', 'Seed', 'Without', 'Result', 'Why']),
    rows: badProofsOf(document).map(({ cell: own, proof }) =>
      row(own, proof.directory, [
        cell('Without', proof.without),
        cell('Result', PROOF_WORDS[proof.outcome]),
        cell('Why', proof.sentence),
      ]),
    ),
  });
}

/** Changes against a baseline, worse first, with links to their comparisons. */
export function changesTable(document: Pick<SuiteDocument, 'baseline'>): Html {
  return cardTable({
    id: 'suite-changes',
    caption: 'Worse first. Each links to its comparison, with the interval of every difference.',
    head: heads(['Scenario', 'Platform', 'Change', 'Passed', 'Why']),
    rows: changesOf(document).map(({ scenario, platform, change, sentence, passed, report }) => {
      const words = CHANGE_WORDS[change];
      const link = report === undefined ? words : html`<a href="${encodeURI(report)}">${words}</a>`;
      return html`<tr role="row"><th scope="row" role="rowheader">${scenario}</th>${cell('Platform', platform)}${cell('Change', link)}${cell('Passed', `was ${passed.base}, is ${passed.candidate}`)}${cell('Why', sentence)}</tr>`;
    }),
  });
}

function skippedTable(skipped: readonly Skipped[]): Html {
  return cardTable({
    id: 'suite-skipped',
    caption: 'What did not run, and why.',
    head: heads(['Platform', 'Result', 'Why', 'Scenarios']),
    rows: skipped.map(
      ({ scenarios, platform, state, sentence }) =>
        html`<tr role="row"><th scope="row" role="rowheader">${platform}</th>${cell('Result', STATE_WORDS[state])}${cell('Why', sentence)}${cell('Scenarios', scenarios.join(', '))}</tr>`,
    ),
  });
}

function machine({ id, machine, versions, revision }: SuiteDocument): Html {
  return html`<ul class="plain"><li>${recordText(machine)}</li><li>${recordText(versions)}</li>${revision && html`<li>${revisionText(revision)}</li>`}<li>Id ${id}; the same is in <a href="suite.json">suite.json</a>, <a href="junit.xml">junit.xml</a> and <a href="summary.md">summary.md</a>.</li></ul>`;
}

function heads(names: readonly string[]): Html {
  return html`<tr role="row">${names.map(name => html`<th scope="col" role="columnheader" class="${name === 'Why' ? 'why' : ''}">${name}</th>`)}</tr>`;
}

function row(own: SuiteCell, directory: string | undefined, cells: readonly Html[]): Html {
  const seed = seedText(own);
  const link = directory === undefined ? seed : html`<a href="${linkTo(directory)}">${seed}</a>`;
  return html`<tr role="row"><th scope="row" role="rowheader">${own.scenario}</th>${cell('Platform', own.platform)}${cell('Seed', link)}${cells}</tr>`;
}

function linkTo(directory: string): string {
  return `${encodeURI(directory)}/report.html`;
}
