import { formatPercent } from '../../rounding.ts';
import type { Verdict } from '../../store/run-document.ts';
import type {
  Flakiness,
  GroupSlo,
  SuiteCell,
  SuiteChange,
  SuiteDocument,
  SuiteGroup,
  SuiteProof,
} from '../../store/suite-document.ts';
import { formatValue } from '../cells.ts';
import type { Status } from '../html/verdict-sign.ts';

/** Result of a group in words. */
export const RESULT_WORDS: Readonly<Record<SuiteGroup['result'], string>> = {
  pass: 'pass',
  fail: 'fail',
  flaky: 'flaky',
  inconclusive: 'inconclusive',
  invalid: 'invalid',
  refused: 'refused',
  unfinished: 'not finished',
  skipped: 'skipped',
  'not-run': 'not run',
};

/** What became of a place that did not run to its end, in words. */
export const STATE_WORDS: Readonly<Record<Exclude<SuiteCell['state'], 'ended'>, string>> = {
  unsupported: 'not on this platform',
  missing: 'not on this machine',
  refused: 'refused',
  damaged: 'damaged since',
  'not-run': 'not run',
};

/** What a proof showed, in words. */
export const PROOF_WORDS: Readonly<Record<SuiteProof['outcome'], string>> = {
  holds: 'holds',
  'proves-nothing': 'proves nothing',
  'breaks-more': 'breaks more',
  unusable: 'unusable',
  'not-run': 'not run',
};

/** Verdict of a suite by its exit code, as the sign of a report. */
export function statusOf({ exitCode }: SuiteDocument): Status {
  return ({ 0: 'pass', 1: 'fail', 2: 'inconclusive', 3: 'invalid', 4: 'invalid', 130: 'interrupted' } as const)[
    exitCode
  ];
}

/** What a comparison with the baseline shows, in words; worse first. */
export const CHANGE_WORDS: Readonly<Record<SuiteChange['change'], string>> = {
  regression: '✗ regression',
  improvement: '✓ improvement',
  incomparable: '– not comparable',
  invalid: '– not comparable',
  unreadable: '– unreadable',
  gone: '– gone',
  new: '+ new',
  'no-evidence': '? no evidence',
  equal: '= equal',
};

/** Changes against the baseline, worse first; empty without one. */
export function changesOf({ baseline }: Pick<SuiteDocument, 'baseline'>): SuiteChange[] {
  const order = Object.keys(CHANGE_WORDS);
  return (baseline?.changes ?? []).toSorted((a, b) => order.indexOf(a.change) - order.indexOf(b.change));
}

/** What a suite found, in one sentence: `38 of 44 pass, 1 fails, 1 is flaky; 4 skipped.` */
export function conclusion({ groups, cells, budgetSpent, interrupted, baseline }: SuiteDocument): string {
  const worse = baseline?.changes.filter(({ change }) => change === 'regression').length ?? 0;
  const count = (result: SuiteGroup['result']) => groups.filter(group => group.result === result).length;
  const ran = groups.length - count('skipped') - count('not-run');
  const others = (['fail', 'flaky', 'invalid', 'refused', 'inconclusive', 'unfinished'] as const).flatMap(result =>
    count(result) > 0 ? [`${count(result)} ${RESULT_WORDS[result]}`] : [],
  );
  const bad = cells.flatMap(({ proofs }) => proofs).filter(({ outcome }) => isBad(outcome)).length;
  const left = (['skipped', 'not-run'] as const).flatMap(result =>
    count(result) > 0 ? [`${count(result)} ${RESULT_WORDS[result]}`] : [],
  );
  const ends = [interrupted ? 'it was interrupted' : '', budgetSpent ? 'its time budget was spent' : ''];
  return `${[
    [`${count('pass')} of ${ran} pass`, ...others].join(', '),
    ...(worse > 0 ? [`${worse} worse than ${baseline!.id}`] : []),
    ...(bad > 0 ? [`${bad} ${bad === 1 ? 'proof does' : 'proofs do'} not hold`] : []),
    ...left,
    ...ends.filter(text => text !== ''),
  ].join('; ')}.`;
}

/** Whether a proof was tried, and shows what it must not. */
export function isBad(outcome: SuiteProof['outcome']): boolean {
  return outcome !== 'holds' && outcome !== 'not-run';
}

/** How a group that passed fares by its proofs: a pass that rests on none of its safeguards is worth nothing. Undefined where none was tried in vain. */
export function unprovenOf(cells: readonly SuiteCell[]): 'fail' | 'inconclusive' | undefined {
  const bad = cells.flatMap(({ proofs }) => proofs).filter(({ outcome }) => isBad(outcome));
  if (bad.length === 0) return undefined;
  return bad.some(({ outcome }) => outcome !== 'unusable') ? 'fail' : 'inconclusive';
}

/** `42`, or `42, repeat 2`. */
export function seedText({ seed, repeat }: Pick<SuiteCell, 'seed' | 'repeat'>): string {
  return repeat === 1 ? String(seed) : `${seed}, repeat ${repeat}`;
}

/** `fails in 2 of 10 runs: 20% (3.7% … 50.7%)`. */
export function flakinessText({ failed, decided, lower, upper }: Flakiness): string {
  const percent = (ratio: number) => `${Number((100 * ratio).toPrecision(3))}%`;
  return `fails in ${failed} of ${decided} runs: ${formatPercent(failed, decided)} (${percent(lower)} … ${percent(upper)})`;
}

/** Runs of a group that met an SLO: `10 of 10`, `8 of 10, 1 fail, 1 inconclusive`. */
export function countsText({ counts }: GroupSlo): string {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const others = (['fail', 'inconclusive', 'invalid'] as const satisfies readonly Verdict[]).flatMap(verdict =>
    counts[verdict] > 0 ? [`${counts[verdict]} ${verdict}`] : [],
  );
  return [`${counts.pass} of ${all}`, ...others].join(', ');
}

/** `412 ms (380 ms … 455 ms)`; the mean alone where the runs are too few for an interval. */
export function estimateText({ estimate, unit }: GroupSlo): string {
  if (estimate === null) return 'not in every valid run';
  const { mean, lower, upper } = estimate;
  if (lower === null || upper === null || lower === upper) return formatValue(mean, unit);
  return `${formatValue(mean, unit)} (${formatValue(lower, unit)} … ${formatValue(upper, unit)})`;
}

/** Names and values in one line: `cores 2, memory 23.5 GiB`. */
export function recordText(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => (name.endsWith('GiB') ? `${name.slice(0, -3)} ${value} GiB` : `${name} ${value}`))
    .join(', ');
}

/** Cells that ran and did not pass, and scenarios that are wrong, each of these once on a platform: what a person reads first. */
export function failuresOf(document: SuiteDocument): SuiteCell[] {
  const cells = byScenario(document);
  return cells.filter(({ state, run, scenario, platform }, index) => {
    if (state === 'refused')
      return cells.findIndex(other => other.scenario === scenario && other.platform === platform) === index;
    return state === 'damaged' || (state === 'ended' && run!.verdict !== 'pass');
  });
}

/** Cells in the order of the scenarios: a suite runs seed by seed. */
function byScenario({ cells, groups }: SuiteDocument): SuiteCell[] {
  return groups.flatMap(({ scenario, platform }) =>
    cells.filter(cell => cell.scenario === scenario && cell.platform === platform),
  );
}

/** Proofs that were tried and do not hold, with their cells. */
export function badProofsOf(document: SuiteDocument): { readonly cell: SuiteCell; readonly proof: SuiteProof }[] {
  return byScenario(document).flatMap(cell =>
    cell.proofs.filter(({ outcome }) => isBad(outcome)).map(proof => ({ cell, proof })),
  );
}

/** Scenarios that did not run on a platform for the same reason. */
export interface Skipped extends Pick<SuiteCell, 'platform' | 'sentence'> {
  readonly state: Exclude<SuiteCell['state'], 'ended'>;
  readonly scenarios: readonly string[];
}

/** Places without a run of their own fault, by platform and reason. */
export function skippedOf(
  cells: readonly (Pick<SuiteCell, 'scenario' | 'platform' | 'sentence'> & {
    readonly state: SuiteCell['state'] | 'ready';
  })[],
): Skipped[] {
  const skipped = cells.filter(({ state }) => state === 'unsupported' || state === 'missing' || state === 'not-run');
  const groups = Map.groupBy(skipped, ({ platform, state, sentence }) => `${platform} ${state} ${sentence}`);
  return [...groups.values()].map(group => {
    const { platform, state, sentence } = group[0]!;
    return {
      platform,
      state: state as Skipped['state'],
      sentence,
      scenarios: [...new Set(group.map(({ scenario }) => scenario))],
    };
  });
}

/** Groups with several runs. */
export function repeatedOf({ groups }: SuiteDocument): SuiteGroup[] {
  return groups.filter(({ slos }) => slos.some(({ counts }) => Object.values(counts).reduce((a, b) => a + b, 0) > 1));
}

/** Platforms of a suite, in its order. */
export function platformsOf({ groups }: SuiteDocument): string[] {
  return [...new Set(groups.map(({ platform }) => platform))];
}

/** Scenarios of a suite, in its order. */
export function scenariosOf({ groups }: SuiteDocument): string[] {
  return [...new Set(groups.map(({ scenario }) => scenario))];
}
