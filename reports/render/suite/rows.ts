import { formatMs, formatSpan } from '../../../harness/quantity.ts';
import type { SuiteCell, SuiteDocument } from '../../store/suite-document.ts';
import { MARKS, oneLine, revisionText } from '../cells.ts';
import { markdownTable, markdownText, type Rows } from '../rows.ts';
import {
  badProofsOf,
  CHANGE_WORDS,
  changesOf,
  conclusion,
  countsText,
  estimateText,
  failuresOf,
  flakinessText,
  PROOF_WORDS,
  platformsOf,
  RESULT_WORDS,
  recordText,
  repeatedOf,
  STATE_WORDS,
  scenariosOf,
  seedText,
  skippedOf,
  unprovenOf,
} from './texts.ts';

/** The verdict matrix: a row a scenario, a column a platform. */
export function verdictRows(document: SuiteDocument): Rows {
  const platforms = platformsOf(document);
  return [
    ['Scenario', ...platforms],
    ...scenariosOf(document).map(scenario => [
      scenario,
      ...platforms.map(platform => verdictText(document, scenario, platform)),
    ]),
  ];
}

function verdictText({ groups, cells }: SuiteDocument, scenario: string, platform: string): string {
  const group = groups.find(found => found.scenario === scenario && found.platform === platform);
  if (!group) return '';
  const own = cells.filter(found => found.scenario === scenario && found.platform === platform);
  const { result } = group;
  if (result === 'skipped') return STATE_WORDS[own[0]!.state as keyof typeof STATE_WORDS];
  if (result === 'refused' || result === 'not-run') return RESULT_WORDS[result];
  const unproven = result === 'pass' ? unprovenOf(own) : undefined;
  const mark = result === 'flaky' ? MARKS.fail : result === 'unfinished' ? '–' : MARKS[unproven ?? result];
  const passed = own.filter(({ state, run }) => state === 'ended' && run!.verdict === 'pass').length;
  const proofs = own.flatMap(({ proofs }) => proofs);
  const holding = proofs.filter(({ outcome }) => outcome === 'holds').length;
  return [
    `${mark} ${RESULT_WORDS[result]}${unproven ? ', unproven' : ''}`,
    ...(own.length > 1 ? [`${passed} of ${own.length} runs`] : []),
    ...(proofs.length > 0 ? [`${holding} of ${proofs.length} ${proofs.length === 1 ? 'proof' : 'proofs'}`] : []),
    formatMs(group.wallMs),
  ].join(', ');
}

/** SLOs over several runs: a row an SLO of a scenario on a platform. */
export function sloRows(document: SuiteDocument): Rows {
  return [
    ['Scenario', 'Platform', 'SLO', 'Objective', 'Met', 'Measured'],
    ...repeatedOf(document).flatMap(({ scenario, platform, slos }) =>
      slos.map(slo => [
        scenario,
        platform,
        slo.name,
        `${slo.objective} in ${slo.window}`,
        countsText(slo),
        estimateText(slo),
      ]),
    ),
  ];
}

/** Changes against the baseline: a row each, worse first; the headings alone without one. */
export function changeRows(document: Pick<SuiteDocument, 'baseline'>): Rows {
  return [
    ['Scenario', 'Platform', 'Change', 'Passed', 'Why'],
    ...changesOf(document).map(({ scenario, platform, change, passed, sentence }) => [
      scenario,
      platform,
      CHANGE_WORDS[change],
      `was ${passed.base}, is ${passed.candidate}`,
      sentence,
    ]),
  ];
}

/** `summary.md` of a suite. */
export function renderSuiteMarkdown(document: SuiteDocument): string {
  const { suite, why, replay, machine, versions, revision, wallMs, groups } = document;
  const fence = '`'.repeat(3);
  const resultOf = ({ state, run }: SuiteCell) => (state === 'ended' ? run!.verdict : STATE_WORDS[state]);
  const table = (title: string, rows: Rows) => (rows.length > 1 ? `## ${title}\n\n${markdownTable(rows)}` : '');
  const flaky = groups.filter(({ flakiness }) => flakiness !== null);
  const sections = [
    `# Suite ${markdownText(suite)}`,
    markdownText(why),
    `**${markdownText(conclusion(document))}**`,
    table('What did not pass', [
      ['Scenario', 'Platform', 'Seed', 'Result', 'Why'],
      ...failuresOf(document).map(own => [own.scenario, own.platform, seedText(own), resultOf(own), own.sentence]),
    ]),
    table('Flaky', [
      ['Scenario', 'Platform', 'Rate'],
      ...flaky.map(({ scenario, platform, flakiness }) => [scenario, platform, flakinessText(flakiness!)]),
    ]),
    table('Proofs that do not hold', [
      ['Scenario', 'Platform', 'Seed', 'Result', 'Why'],
      ...badProofsOf(document).map(({ cell, proof }) => [
        cell.scenario,
        cell.platform,
        seedText(cell),
        PROOF_WORDS[proof.outcome],
        proof.sentence,
      ]),
    ]),
    table(`Against ${markdownText(document.baseline?.id ?? '')}`, changeRows(document)),
    table('Verdicts', verdictRows(document)),
    table('SLOs over the runs', sloRows(document)),
    table('Skipped', [
      ['Platform', 'Result', 'Why', 'Scenarios'],
      ...skippedOf(document.cells).map(({ platform, state, sentence, scenarios }) => [
        platform,
        STATE_WORDS[state],
        sentence,
        scenarios.join(', '),
      ]),
    ]),
    markdownText(
      `Took ${formatSpan(wallMs)} on ${recordText(machine)}; ${recordText(versions)}${revision ? `; ${revisionText(revision)}` : ''}.`,
    ),
    `Repeat with:\n\n${fence}sh\n${oneLine(replay)}\n${fence}`,
  ];
  return `${sections.filter(part => part !== '').join('\n\n')}\n`;
}
