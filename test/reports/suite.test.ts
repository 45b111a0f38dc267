import { describe, expect, it } from 'vitest';
import type { SuiteInput } from '../../reports/judge/suite/combine.ts';
import { renderSuiteHtml } from '../../reports/render/suite/html.ts';
import { renderSuiteJunit } from '../../reports/render/suite/junit.ts';
import { renderNightsHtml } from '../../reports/render/suite/nights.ts';
import { renderSuiteMarkdown } from '../../reports/render/suite/rows.ts';
import { conclusion } from '../../reports/render/suite/texts.ts';
import type { Verdict } from '../../reports/store/run-document.ts';
import type { SuiteCell } from '../../reports/store/suite-document.ts';
import { cell, combine, everyKind, hostile, run, without } from './suites.ts';

it('is no pass where it was to fail on a regression, and the runs before cannot be read', () => {
  const changes = (['unreadable', 'gone'] as const).map(change => ({
    ...{
      scenario: 'a',
      platform: 'virtual',
      change,
      sentence: 'Why.',
      passed: { base: '1 of 1', candidate: '0 of 0' },
    },
  }));
  const of = (kind: string, failOnRegression: boolean) =>
    combine([cell(1, 'pass')], {
      failOnRegression,
      baseline: { id: 'before', changes: changes.filter(({ change }) => change === kind) },
    });
  expect(of('unreadable', true).exitCode).toBe(2);
  expect(of('unreadable', false).exitCode).toBe(0);
  expect(of('gone', true).exitCode).toBe(0);
  expect(renderSuiteMarkdown(of('gone', true))).toContain('| a | virtual | – gone | was 1 of 1, is 0 of 0 | Why. |');
});

it.each([
  ['proves-nothing', 'fail', '✗'],
  ['breaks-more', 'fail', '✗'],
  ['unusable', 'inconclusive', '?'],
  ['holds', 'pass', '✓'],
  ['not-run', 'pass', '✓'],
] as const)('a pass whose proof is %s looks like %s', (outcome, sign, mark) => {
  const document = combine([cell(1, 'pass', { proofs: [{ without: 'x', outcome, sentence: 'Why.' }] })]);
  const word = sign === 'pass' ? 'pass' : 'pass, unproven';
  expect(renderSuiteMarkdown(document)).toContain(`| a | ${mark} ${word}, `);
  const [, matrix] = renderSuiteHtml(document).split('id="suite-verdicts"');
  expect(matrix).toMatch(new RegExp(`class="sign ${sign}">.*${sign === 'pass' ? 'Pass' : 'Pass, unproven'}`));
});

describe('the runs of a scenario on a platform', () => {
  it.each<[string, Verdict[], string, number]>([
    ['all pass', ['pass', 'pass'], 'pass', 0],
    ['all fail', ['fail', 'fail'], 'fail', 1],
    ['one of ten fails', ['fail', ...Array<Verdict>(9).fill('pass')], 'flaky', 1],
    ['one of ten passes', ['pass', ...Array<Verdict>(9).fill('fail')], 'flaky', 1],
    ['one is inconclusive', ['pass', 'inconclusive'], 'inconclusive', 2],
    ['one is invalid', ['pass', 'invalid', 'inconclusive'], 'invalid', 2],
    ['one fails, the others are undecided', ['fail', 'inconclusive'], 'fail', 1],
  ])('are never outvoted: %s', (_, verdicts, result, exitCode) => {
    const document = combine(verdicts.map((verdict, seed) => cell(seed, verdict)));
    expect(document.groups).toMatchObject([{ scenario: 'a', why: 'Why.', result }]);
    expect(document.exitCode).toBe(exitCode);
  });

  it('have not finished where the suite ended before the last of them', () => {
    const open = { ...without('not-run', 'a'), platform: 'virtual' };
    const document = combine([cell(1, 'pass'), open], { interrupted: true });
    expect(document).toMatchObject({ groups: [{ result: 'unfinished' }], exitCode: 130 });
    expect(conclusion(document)).toBe('0 of 1 pass, 1 not finished; it was interrupted.');
    expect(renderSuiteMarkdown(document)).toContain('– not finished, 1 of 2 runs');
    expect(renderSuiteHtml(document)).toMatch(/class="sign interrupted">.*Not finished/);
    // What is known to be worse is what counts.
    for (const verdict of ['fail', 'inconclusive', 'invalid'] as const)
      expect(combine([cell(1, verdict), open]).groups).toMatchObject([{ result: verdict }]);
  });

  it('are flaky at a rate with an interval, of those that pass or fail', () => {
    const verdicts: Verdict[] = ['pass', 'fail', 'pass', 'pass', 'inconclusive', 'pass'];
    const { flakiness, slos } = combine(verdicts.map((verdict, seed) => cell(seed, verdict))).groups[0]!;
    expect(flakiness).toMatchObject({ failed: 1, decided: 5, ratio: 0.2 });
    // Clopper–Pearson: P(B ≥ 1) = 5 % at p = 1 − 0.95^(1/5) = 1.02 %.
    expect(flakiness!.lower).toBeCloseTo(1 - 0.95 ** (1 / 5), 6);
    expect(flakiness!.upper).toBeGreaterThan(0.6);
    expect(slos[0]).toMatchObject({ counts: { pass: 4, fail: 1, inconclusive: 1, invalid: 0 }, flakiness });
    expect(combine([cell(1, 'fail'), cell(2, 'fail')]).groups[0]!.flakiness).toBeNull();
  });

  it('do not count what an invalid one measured, nor its SLOs as met', () => {
    const valid = [100, 104, 96, 101].map((value, seed) => cell(seed, 'pass', { run: run('pass', value) }));
    const broken = { ...run('pass', 5000), verdict: 'invalid' as const, exitCode: 2 as const };
    const [slo] = combine([...valid, cell(9, 'invalid', { run: broken })]).groups[0]!.slos;
    expect(slo).toMatchObject({ counts: { pass: 4, fail: 0, inconclusive: 0, invalid: 1 }, estimate: { samples: 4 } });
    expect(slo!.estimate!.mean).toBeCloseTo(100.25);
    expect(combine([cell(9, 'invalid', { run: broken })]).groups[0]!.slos[0]!.estimate).toBeNull();
  });

  it('have the mean of what they measured, with an interval from four runs on', () => {
    const of = (values: (number | null)[]) =>
      combine(values.map((value, seed) => cell(seed, 'pass', { run: run('pass', value) }))).groups[0]!.slos[0]!
        .estimate;
    expect(of([100, 110, 120])).toEqual({ mean: 110, lower: null, upper: null, samples: 3 });
    const { mean, lower, upper } = of([100, 104, 96, 101, 99, 100, 103, 97])!;
    expect(mean).toBe(100);
    expect(lower).toBeLessThan(100);
    expect(lower).toBeGreaterThan(95);
    expect(upper).toBeGreaterThan(100);
    expect(upper).toBeLessThan(105);
    // A mean over the runs that have a value would leave out those that are beyond every value.
    expect(of([100, 110, null, 120])).toBeNull();
  });
});

/** Of a comparison with an earlier suite. */
const worse: NonNullable<SuiteInput['baseline']> = {
  id: 'main',
  changes: [
    ...(['equal', 'regression'] as const).map(change => ({
      ...{ scenario: change, platform: 'virtual', change, sentence: hostile },
      ...{ passed: { base: '1 of 1', candidate: '0 of 1' }, report: 'a/virtual/compare.html' },
    })),
  ],
};

describe('the exit code of a suite', () => {
  it.each<[string, SuiteCell[], Partial<SuiteInput>, number]>([
    ['what a machine lacks does not count', [cell(1, 'pass'), without('missing')], {}, 0],
    ['unless it is to', [cell(1, 'pass'), without('missing')], { failOnMissing: true }, 4],
    ['what a platform cannot run never counts', [cell(1, 'pass'), without('unsupported')], { failOnMissing: true }, 0],
    ['where nothing ran, nothing is shown', [without('missing'), without('unsupported')], {}, 2],
    ['a wrong scenario', [cell(1, 'fail'), without('refused')], {}, 3],
    ['a damaged run', [cell(1, 'pass'), without('damaged')], {}, 4],
    ['a regression', [cell(1, 'pass')], { baseline: worse }, 0],
    ['a regression that is to count', [cell(1, 'pass')], { baseline: worse, failOnRegression: true }, 1],
    ['no time', [cell(1, 'pass'), without('not-run')], { budgetSpent: true }, 2],
    ['an interruption', [cell(1, 'fail')], { interrupted: true }, 130],
    [
      'a proof that proves nothing',
      [cell(1, 'pass', { proofs: [{ without: 'x', outcome: 'proves-nothing', sentence: 'Nothing.' }] })],
      {},
      1,
    ],
    [
      'a proof that was not tried',
      [cell(1, 'pass', { proofs: [{ without: 'x', outcome: 'not-run', sentence: 'Not tried.' }] })],
      {},
      2,
    ],
  ])('%s', (_, cells, own, exitCode) => {
    expect(combine(cells, own).exitCode).toBe(exitCode);
  });
});

describe('the files of a suite', () => {
  const document = everyKind;

  it('name every place, and whatever is wrong with it', () => {
    expect(conclusion(document)).toBe(
      '0 of 3 pass, 1 flaky, 1 invalid, 1 refused; 1 proof does not hold; 1 skipped; 1 not run.',
    );
    for (const text of [renderSuiteHtml(document), renderSuiteMarkdown(document), renderSuiteJunit(document)])
      for (const scenario of ['a', 'b', 'c', 'd', 'e']) expect(text).toMatch(new RegExp(`\\b${scenario}\\b`));
    const junit = renderSuiteJunit(document);
    const count = (element: string) => junit.split(`<${element} `).length - 1;
    // Two SLOs and a proof of `a`: one SLO and the proof fail. `c`, `d` and `e` are errors.
    expect(['testsuite', 'failure', 'error', 'skipped'].map(count)).toEqual([6, 2, 3, 1]);
    expect(renderSuiteMarkdown(document)).toContain('| a | virtual | fails in 1 of 2 runs: 50% (2.53% … 97.5%) |');
  });

  it('name what is worse than in the baseline first', () => {
    const compared = combine([cell(1, 'pass')], { baseline: worse });
    expect(conclusion(compared)).toBe('1 of 1 pass; 1 worse than main.');
    const page = renderSuiteHtml(compared);
    expect(page).toContain('Against main');
    expect(page.indexOf('✗ regression')).toBeLessThan(page.indexOf('= equal'));
    expect(page).not.toContain('<script>alert');
    expect(renderSuiteMarkdown(compared)).toMatch(
      /\| regression \| virtual \| ✗ regression \| was 1 of 1, is 0 of 1 \|/,
    );
  });

  it('let no text become markup', () => {
    const html = renderSuiteHtml(document);
    expect(html).not.toContain('<script>alert');
    expect(html).toContain('&lt;script&gt;alert(1)');
    expect(html).not.toContain('\u202e');
    expect(renderSuiteJunit(document)).not.toContain('<script>');
    expect(renderSuiteMarkdown(document)).toContain('\\<script>alert(1)\\</script> \\|');
  });

  it('are the same for the same runs', () => {
    const again = combine(document.cells, { why: hostile });
    expect(again).toEqual(document);
    expect(renderSuiteHtml(again)).toBe(renderSuiteHtml(document));
  });
});

it('hides no suite that failed behind another of the same night', () => {
  const night = (platform: string, verdict: Verdict, startedAt: string) => ({
    path: `${startedAt}/${platform}`,
    document: { ...combine([cell(1, verdict, { platform })]), startedAt },
  });
  const page = renderNightsHtml([
    night('virtual', 'fail', '2030-01-02T01:00:00Z'),
    night('process', 'pass', '2030-01-02T02:00:00Z'),
    night('virtual', 'pass', '2030-01-01T01:00:00Z'),
  ]);
  expect(page).toContain('class="banner fail"');
  expect(page).toContain('2030-01-02, mine on virtual: 0 of 1 pass, 1 fail.');
  expect(page.indexOf('2030-01-02T02:00:00Z/process')).toBeLessThan(page.indexOf('2030-01-01T01:00:00Z/virtual'));
});
