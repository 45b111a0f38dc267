import { combineSuite, type SuiteInput } from '../../reports/judge/suite/combine.ts';
import type { Verdict } from '../../reports/store/run-document.ts';
import type { SuiteCell, SuiteRun } from '../../reports/store/suite-document.ts';

const EXITS = { pass: 0, fail: 1, inconclusive: 2, invalid: 2 } as const;

/** A run with one SLO. */
export function run(verdict: Verdict, measured: number | null = 100): SuiteRun {
  return {
    ...{ directory: 'a/virtual/a-1', verdict, exitCode: EXITS[verdict], durationMs: 1, wallMs: 1, files: {} },
    reasons: verdict === 'pass' ? [] : [`It is ${verdict}.`],
    slos: [
      { name: 'TTFT', window: 'whole', objective: 'p99(ttft) <= 1 s', verdict, measured, unit: 'ms', reason: 'So.' },
    ],
  };
}

/** A place of the scenario `a` that ran. */
export function cell(seed: number, verdict: Verdict, own: Partial<SuiteCell> = {}): SuiteCell {
  const sentence = verdict === 'pass' ? '' : `It is ${verdict}.`;
  return {
    ...{ scenario: 'a', platform: 'virtual', seed, repeat: 1, state: 'ended', sentence, run: run(verdict), proofs: [] },
    ...own,
  };
}

/** A suite of these places. */
export function combine(cells: readonly SuiteCell[], own: Partial<SuiteInput> = {}) {
  return combineSuite({
    ...{ id: 's', suite: 'mine', why: 'For a test.', startedAt: '2030-01-01T00:00:00.000Z', wallMs: 1000 },
    ...{ machine: { cores: 2 }, versions: { node: '24' }, replay: 'npx squall suite mine', cells },
    ...{
      interrupted: false,
      budgetSpent: false,
      failOnMissing: false,
      failOnRegression: false,
      whys: new Map([['a', 'Why.']]),
    },
    ...own,
  });
}

/** A place without a run. */
export const without = (state: SuiteCell['state'], scenario = 'b'): SuiteCell => ({
  ...{ scenario, platform: 'docker', seed: 42, repeat: 1, state, sentence: 'No engine.', proofs: [] },
});

/** A text that would break pages, tables and files in which it is markup. */
export const hostile = '<script>alert(1)</script> | "x" & \u202e';
/** A suite with a place of every kind. */
export const everyKind = combine(
  [
    cell(1, 'pass', { proofs: [{ without: hostile, outcome: 'proves-nothing', sentence: hostile }] }),
    cell(2, 'fail', { sentence: hostile }),
    without('missing'),
    without('not-run', 'c'),
    without('refused', 'd'),
    without('damaged', 'e'),
  ],
  { why: hostile },
);

/** What such a suite shows against an earlier one. */
export const CHANGES = {
  id: 'before',
  changes: (['regression', 'equal', 'unreadable'] as const).map((change, index) => ({
    ...{
      scenario: `a${index}`,
      platform: 'virtual',
      change,
      sentence: hostile,
      report: `a${index}/virtual/compare.html`,
    },
    passed: { base: '1 of 1', candidate: '1 of 1' },
  })),
};
