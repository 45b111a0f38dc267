import { seededRandom } from '../../../harness/random.ts';
import type { SloResult, Verdict } from '../../store/run-document.ts';
import type {
  Flakiness,
  GroupSlo,
  SuiteCell,
  SuiteChange,
  SuiteDocument,
  SuiteGroup,
  SuiteProof,
  SuiteRun,
} from '../../store/suite-document.ts';
import { ratioBounds } from '../statistics.ts';
import { meanInterval } from '../variants/mean-interval.ts';

/** Input of {@link combineSuite}. */
export interface SuiteInput extends Omit<SuiteDocument, 'schema' | 'exitCode' | 'groups'> {
  /** What each scenario is about, by name. */
  readonly whys: ReadonlyMap<string, string>;
  /** Whether what this machine lacks counts as a failure. */
  readonly failOnMissing: boolean;
  /** Whether a regression against the baseline does. */
  readonly failOnRegression: boolean;
}

type ExitCode = SuiteDocument['exitCode'];

/** Most severe first, as for several scenarios of one command. */
const BY_SEVERITY: readonly ExitCode[] = [130, 4, 3, 1, 2, 0];
const OF_PROOF: Readonly<Record<SuiteProof['outcome'], ExitCode>> = {
  holds: 0,
  'proves-nothing': 1,
  'breaks-more': 1,
  unusable: 2,
  'not-run': 2,
};

/**
 * Combines the runs of a suite: a pure function, so that the same runs give the same document. Runs of one scenario on one platform are
 * never outvoted: where some pass and some fail it is flaky, and fails.
 */
export function combineSuite({ whys, failOnMissing, failOnRegression, ...input }: SuiteInput): SuiteDocument {
  const has = (kind: SuiteChange['change']) => input.baseline?.changes.some(({ change }) => change === kind) ?? false;
  const groups = Map.groupBy(input.cells, ({ scenario, platform }) => `${scenario} ${platform}`);
  return {
    schema: 1,
    ...input,
    exitCode: exitCodeOf(input, failOnMissing, failOnRegression ? has : () => false),
    groups: [...groups.values()].map(cells => groupOf(cells, whys)),
  };
}

function exitCodeOf(
  { cells, interrupted }: Pick<SuiteDocument, 'cells' | 'interrupted'>,
  failOnMissing: boolean,
  hasChange: (kind: SuiteChange['change']) => boolean,
): ExitCode {
  const codes = cells.flatMap(({ state, run, proofs }): ExitCode[] => {
    if (state === 'ended') {
      // Proofs of a run that did not pass say nothing of their own.
      const own = run!.verdict === 'pass' ? proofs.map(({ outcome }) => OF_PROOF[outcome]) : [];
      return [run!.exitCode, ...own];
    }
    if (state === 'missing') return failOnMissing ? [4] : [];
    if (state === 'unsupported') return [];
    return [{ refused: 3, damaged: 4, 'not-run': 2 }[state] as ExitCode];
  });
  if (interrupted) codes.push(130);
  if (hasChange('regression')) codes.push(1);
  // Whether it is worse is not known.
  if (hasChange('unreadable')) codes.push(2);
  // Where nothing could run, nothing is shown.
  return BY_SEVERITY.find(code => codes.includes(code)) ?? 2;
}

function groupOf(cells: readonly SuiteCell[], whys: ReadonlyMap<string, string>): SuiteGroup {
  const { scenario, platform } = cells[0]!;
  const runs = cells.flatMap(({ state, run }) => (state === 'ended' ? [run!] : []));
  return {
    scenario,
    why: whys.get(scenario) ?? '',
    platform,
    result: resultOf(cells, runs),
    flakiness: flakinessOf(runs.map(({ verdict }) => verdict)),
    slos: slosOf(runs, `${scenario} ${platform}`),
    wallMs: runs.reduce((sum, { wallMs }) => sum + wallMs, 0),
  };
}

/** One failure among passes is flaky; whatever is undecided or invalid keeps a group from passing. */
function resultOf(cells: readonly SuiteCell[], runs: readonly SuiteRun[]): SuiteGroup['result'] {
  const has = (verdict: Verdict) => runs.some(run => run.verdict === verdict);
  if (has('fail')) return has('pass') ? 'flaky' : 'fail';
  if (has('invalid') || cells.some(({ state }) => state === 'damaged')) return 'invalid';
  if (cells.some(({ state }) => state === 'refused')) return 'refused';
  if (has('inconclusive')) return 'inconclusive';
  if (cells.some(({ state }) => state === 'not-run')) return runs.length > 0 ? 'unfinished' : 'not-run';
  return runs.length > 0 ? 'pass' : 'skipped';
}

/** Null where fewer than two runs passed or failed, or all of them agree. */
function flakinessOf(verdicts: readonly Verdict[]): Flakiness | null {
  const failed = verdicts.filter(verdict => verdict === 'fail').length;
  const decided = failed + verdicts.filter(verdict => verdict === 'pass').length;
  if (failed === 0 || failed === decided) return null;
  return { failed, decided, ratio: failed / decided, ...ratioBounds(failed, decided) };
}

/** SLOs over the runs. Those of an invalid run are neither met nor missed, and what it measured is not that of the system. */
function slosOf(runs: readonly SuiteRun[], seed: string): GroupSlo[] {
  const random = seededRandom(0).stream(seed);
  const judged = runs.flatMap(({ verdict, slos }) =>
    verdict === 'invalid' ? slos.map(slo => ({ ...slo, verdict })) : slos,
  );
  const byName = Map.groupBy(judged, ({ name }) => name);
  return [...byName].map(([name, slos]) => {
    const { window, objective, unit } = slos[0]!;
    const valid = slos.filter(({ verdict }) => verdict !== 'invalid');
    const values = valid.flatMap(({ measured }) => (measured === null ? [] : [measured]));
    return {
      ...{ name, window, objective, unit },
      counts: countsOf(slos),
      estimate: values.length > 0 && values.length === valid.length ? meanInterval(values, random.stream(name)) : null,
      flakiness: flakinessOf(slos.map(({ verdict }) => verdict)),
    };
  });
}

function countsOf(slos: readonly Pick<SloResult, 'verdict'>[]): Record<Verdict, number> {
  const count = (verdict: Verdict) => slos.filter(slo => slo.verdict === verdict).length;
  return {
    pass: count('pass'),
    fail: count('fail'),
    inconclusive: count('inconclusive'),
    invalid: count('invalid'),
  };
}
