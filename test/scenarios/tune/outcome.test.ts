import { describe, expect, it } from 'vitest';
import { savingOf } from '../../../scenarios/tune/evidence.ts';
import { outcomeOf, type TuneResult } from '../../../scenarios/tune/outcome.ts';
import { Pace } from '../../../scenarios/tune/pace.ts';
import { type TuneRun, trialOf } from '../../../scenarios/tune/run-once.ts';

const NO_PRICES = { per1000Requests: null, perMillionTokens: null };
const CHANGE = { field: 'spec.minReplicas', own: '3', tuned: '2' };

const runOf = (seed: number, replicaHours: number | null, dollars: number | null = null): TuneRun => ({
  ...{ seed, verdict: 'pass', exitCode: 0, reasons: [], slos: [], dollars },
  figures: { withinSlo: 100, ttftP99: 1, latencyP99: 1, errors: 0, replicaHours, oscillations: 0, ...NO_PRICES },
});

/** Costs of the tuned file, where those of the user's own are 10. */
const pairsOf = (costs: readonly number[], phase: 'training' | 'held-out') => ({
  plan: {} as never,
  phase,
  runs: costs.map((cost, seed) => ({ own: runOf(seed, 10), tuned: runOf(seed, cost) })),
});

const side = (met: number, runs: number) => ({ met, runs, cost: null });

/** A result by what was met on held-out seeds, and the costs there. */
function resultOf(options: {
  readonly own?: number;
  readonly costs?: readonly number[];
  readonly confirmation?: 'pass' | 'fail' | 'unfinished' | 'none';
  readonly changed?: boolean;
  readonly end?: TuneResult['end'];
  readonly warnings?: readonly string[];
}): TuneResult {
  const {
    own = 6,
    costs = [7, 7.5, 8, 7, 7.2, 7.9],
    confirmation = 'pass',
    changed = true,
    end = 'converged',
    warnings,
  } = options;
  const evidence = (['training', 'held-out'] as const).map(phase => {
    const runs = 6;
    const difference = savingOf([pairsOf(costs, phase)]);
    const tuned = changed ? side(runs, runs) : null;
    const comparison = { variants: [{ name: 'own' }], runs: [{ variant: 'own', warnings }] };
    return { scenario: 's', phase, costUnit: '$', own: side(own, runs), tuned, difference, comparison } as never;
  });
  const saving = savingOf([pairsOf(costs, 'held-out')]);
  const changes = changed ? [CHANGE] : [];
  return {
    ...{ file: 'hpa.yaml', end, evidence, changes, saving: { training: saving, heldOut: saving } },
    ...{ rounds: 5, perRunMs: 15_000, neededRuns: 20 },
    confirmations: confirmation === 'none' ? [] : [{ changes, seeds: [1], outcome: confirmation, reason: 'why' }],
  };
}

describe('a result', () => {
  it('says first, and once, that the autoscaler of a file could decide nothing', () => {
    const { reasons } = outcomeOf(resultOf({ changed: false, warnings: ['queue had no value'] }));
    expect(reasons.filter(reason => reason === 'own: queue had no value')).toHaveLength(1);
    expect(reasons[0]).toContain('own: ');
  });

  it('is better where the held-out seeds show that it costs less', () => {
    const { outcome, answer, reasons } = outcomeOf(resultOf({}));
    expect(outcome).toBe('better');
    expect(answer).toMatch(
      /^it costs 26 % less \(95 %: \d+ % less to \d+ % less\), with all SLOs met on held-out seeds$/,
    );
    expect(reasons).toEqual([
      'All SLOs passed in 6 of 6 held-out runs, which shows that they do in at least 60 % of all (at 95 %).',
    ]);
  });

  it('is not where the interval of the difference holds 0, or three seeds are too few for one', () => {
    const noisy = outcomeOf(resultOf({ costs: [5, 15, 6, 14, 8, 11.5] }));
    expect(noisy).toMatchObject({ outcome: 'unconfirmed', answer: expect.stringContaining('no evidence') });
    expect(outcomeOf(resultOf({ costs: [5, 5.1, 5.2] })).outcome).toBe('unconfirmed');
  });

  it("is better at a higher cost only where the user's own misses an SLO on held-out seeds", () => {
    const dearer = { costs: [12, 12.5, 13, 12, 12.2, 12.9] };
    expect(outcomeOf(resultOf(dearer)).outcome).toBe('unconfirmed');
    const { outcome, answer } = outcomeOf(resultOf({ ...dearer, own: 4 }));
    expect(outcome).toBe('better');
    expect(answer).toMatch(/^meets the SLOs, which hpa.yaml misses in 2 of 6 held-out runs; it costs 24 % more/);
  });

  it.each([
    [{ confirmation: 'unfinished' as const, end: 'budget' as const }, /but why$/, /more --minutes/],
    [{ confirmation: 'none' as const, end: 'interrupted' as const }, /no held-out seed has run$/, /was interrupted/],
    [{ confirmation: 'fail' as const }, /^not confirmed/, /failed on held-out ones, and was dropped: why/],
  ])('is not confirmed without held-out seeds that pass: %o', (options, says, reason) => {
    const { outcome, answer, reasons } = outcomeOf(resultOf(options));
    expect(outcome).toBe('unconfirmed');
    expect(answer).toMatch(says);
    expect(reasons.join(' ')).toMatch(reason);
  });

  it("says that nothing better was found, and how the user's own does", () => {
    const none = { changed: false, confirmation: 'none' as const };
    expect(outcomeOf(resultOf(none)).answer).toBe('nothing cheaper than hpa.yaml was found that meets the SLOs');
    expect(outcomeOf(resultOf({ ...none, own: 5 })).answer).toBe(
      'nothing was found that meets the SLOs, which hpa.yaml misses in 1 of 6 runs',
    );
  });
});

it('says how much time a search would need that had none', () => {
  const result = resultOf({ changed: false, confirmation: 'none', end: 'budget' });
  const { answer, reasons } = outcomeOf({ ...result, rounds: 0 });
  expect(answer).toMatch(/^nothing else was tried than hpa\.yaml, which meets the SLOs in 6 of 6 runs$/);
  expect(reasons).toEqual([
    expect.stringMatching(/a run takes 15 s .* alone needs 20\. Use --minutes 15, fewer --seeds/),
  ]);
});

describe('a run', () => {
  const slo = (verdict: 'pass' | 'fail' | 'inconclusive', measured: number | null = 900) => ({
    ...{ name: 'latency', window: 'whole', objective: 'p99(latency) <= 650 ms', unit: 'ms' },
    ...{ verdict, measured },
  });
  const judged = (verdict: TuneRun['verdict'], ...slos: ReturnType<typeof slo>[]) =>
    trialOf({ ...runOf(1, 10), verdict, slos, reasons: ['first reason'] });

  it('meets the SLOs only if it passes', () => {
    expect(judged('pass', slo('pass'))).toEqual({ met: true, violation: 0, cost: 10, reason: '' });
    expect(judged('inconclusive', slo('inconclusive')).met).toBe(false);
    // Passed SLOs do not make up for a run that shows nothing.
    expect(judged('inconclusive', slo('pass'))).toMatchObject({ met: false, reason: 'first reason' });
    expect(judged('invalid', slo('pass'))).toMatchObject({ met: false, reason: 'first reason' });
    expect(judged('fail', slo('fail')).reason).toBe('latency failed: p99(latency) <= 650 ms, measured 900 ms');
  });

  it('is further from them the more it misses them by', () => {
    const violations = [
      judged('pass', slo('pass')),
      judged('inconclusive', slo('inconclusive')),
      judged('fail', slo('fail', 700)),
      judged('fail', slo('fail', 7000)),
      judged('fail', slo('fail', 7000), slo('fail', 7000)),
      judged('invalid', slo('fail', 7000), slo('fail', 7000)),
    ].map(({ violation }) => violation);
    expect(violations).toEqual([...new Set(violations)].sort((a, b) => a - b));
  });

  it('costs dollars where there are prices', () => {
    expect(trialOf(runOf(1, 10, 3)).cost).toBe(3);
    expect(
      savingOf([{ plan: {} as never, phase: 'training', runs: [{ own: runOf(1, 0), tuned: runOf(1, 1) }] }]),
    ).toBeNull();
  });
});

describe('the time for runs', () => {
  const at = { ms: 0 };
  const paced = (...endsMs: readonly number[]) => {
    const pace = new Pace(() => at.ms, 100_000);
    for (const ms of endsMs) {
      at.ms = ms;
      pace.ended();
    }
    return pace;
  };

  it('is judged by the runs after the first, which waits for its process', () => {
    expect(paced().hasTime(1000, 0)).toBe(true);
    expect(paced(20_000).perRunMs).toBe(20_000);
    const pace = paced(20_000, 22_000, 24_000);
    expect(pace.perRunMs).toBe(2000);
    // 31 runs of 2 s with a reserve of a fifth are 74 s.
    expect([pace.hasTime(31, 0), pace.hasTime(32, 0)]).toEqual([true, false]);
    expect([pace.hasTime(11, 20), pace.hasTime(12, 20)]).toEqual([true, false]);
  });

  it('leaves the search a part of it, however much has to follow', () => {
    expect(paced(5000).hasTime(4, 1000)).toBe(true);
    expect(paced(5000, 40_000, 41_000).hasTime(4, 1000)).toBe(false);
  });
});
