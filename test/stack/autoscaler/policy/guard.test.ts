import { describe, expect, it } from 'vitest';
import { scrapedValues } from '../../../../stack/autoscaler/measure/scraped-values.ts';
import { guarded } from '../../../../stack/autoscaler/policy/guard.ts';
import type { Policy } from '../../../../stack/autoscaler/policy/policy.ts';
import { policyDecider } from '../../../../stack/autoscaler/policy/policy-decider.ts';
import { inputOf } from './fixtures.ts';

const policyThat = (decide: (...args: Parameters<Policy['decide']>) => unknown, mayBeMissing: string[] = []) =>
  ({ metrics: { queue: 'q', ttft: 't' }, mayBeMissing, decide }) as Policy;
const bounds = { minReplicas: 2, maxReplicas: 8 };
const KNOWN = { queue: 3, ttft: 1 };
const ask = (decide: Parameters<typeof policyThat>[0], parts: object = {}, partial: string[] = []) =>
  guarded(
    policyThat(decide),
    {},
    inputOf({ ...bounds, replicas: 5, metrics: KNOWN, state: 'before', ...parts }),
    partial,
  );

describe('a policy in the autoscaler', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('boom\nand more');
      },
      'boom and more',
    ],
    ['returns nothing', () => undefined, 'returned undefined'],
    ['returns a number', () => 4, 'returned 4'],
    ['returns null', () => null, 'returned null'],
    ['returns a promise', async () => ({ replicas: 2, reason: '' }), 'a promise'],
    ['returns NaN', () => ({ replicas: Number.NaN, reason: '' }), 'NaN replicas'],
    ['returns a part of a replica', () => ({ replicas: 2.5, reason: '' }), '2.5 replicas'],
    ['returns fewer than none', () => ({ replicas: -1, reason: '' }), '-1 replicas'],
    ['returns infinitely many', () => ({ replicas: Infinity, reason: '' }), 'Infinity replicas'],
    ['returns a text', () => ({ replicas: '2', reason: '' }), 'returned "2" replicas'],
    ['gives no reason', () => ({ replicas: 2 }), 'no reason'],
    ['shows nonsense', () => ({ replicas: 2, reason: '', values: { x: 'y' } }), 'values'],
    [
      'changes what others see',
      (input: object) => {
        Object.assign(input, { replicas: 1 });
        return { replicas: 2, reason: '' };
      },
      'read only',
    ],
  ])('keeps the replicas and its state when it %s, and says so', (_, decide, words) => {
    const found = ask(decide as never);
    expect(found).toMatchObject({ replicas: 5, state: 'before', limit: 'PolicyFailed' });
    expect(found.reason).toContain('the policy failed: ');
    expect(found.reason).toContain(words);
  });

  it.each([
    [3, 5, 3, undefined],
    [100, 5, 8, 'TooManyReplicas'],
    [0, 5, 2, 'TooFewReplicas'],
    // Where somebody else scaled beyond the bounds, the policy is not asked.
    [4, 12, 8, undefined],
    [4, 1, 2, undefined],
  ])('that asks for %i of %i gets %i', (wanted, replicas, expected, limit) => {
    const found = ask(() => ({ replicas: wanted, reason: 'x', state: 'after' }), { replicas });
    expect(found.replicas).toBe(expected);
    expect(found.limit).toBe(limit);
  });

  it('does not go down while a metric that it needs is unknown, or some replicas did not report it', () => {
    const less = () => ({ replicas: 3, reason: 'x', state: 'after' });
    expect(ask(less)).toMatchObject({ replicas: 3, state: 'after' });
    const unknown = ask(less, { metrics: { queue: 3 } });
    expect(unknown).toMatchObject({ replicas: 5, limit: 'MissingMetrics', reason: 'x, not down: ttft is unknown' });
    expect(ask(less, {}, ['queue'])).toMatchObject({ replicas: 5, reason: 'x, not down: queue lacks some replicas' });
    const more = () => ({ replicas: 7, reason: 'x' });
    expect(ask(more, { metrics: {} }, ['queue'])).toMatchObject({ replicas: 7, state: 'before' });
    const idle = guarded(policyThat(less, ['ttft']), {}, inputOf({ ...bounds, replicas: 5, metrics: { queue: 0 } }));
    expect(idle.replicas).toBe(3);
  });

  it('is given its options, and what is seen', () => {
    const seen: unknown[] = [];
    const spy: Policy = {
      metrics: {},
      decide(input, options) {
        seen.push([input.metrics.queue, options]);
        return { replicas: 5, reason: '' };
      },
    };
    guarded(spy, { a: 1 }, inputOf({ ...bounds, replicas: 5, metrics: KNOWN }));
    expect(seen).toEqual([[3, { a: 1 }]]);
  });

  it('has the conditions of an autoscaler', () => {
    const decider = policyDecider(
      'x',
      policyThat(() => ({ replicas: 9, reason: 'because' })),
      {},
      bounds,
      {},
    );
    const context = {
      ...{
        rules: {},
        values: scrapedValues({ sources: [], timeScale: 1, nowMs: 0 }),
        pods: [],
        deployment: 'inference',
        scrapeMs: 1,
        timeScale: 1,
        date: new Date(0),
      },
    };
    const scale = { replicas: 3, existing: 3, version: '1' };
    const outcome = decider.decide(decider.start, {
      scale,
      pods: [],
      measured: () => context,
      nowMs: 0,
      date: new Date(0),
    });
    expect(outcome).toMatchObject({
      desired: 8,
      rescale: true,
      isBlind: true,
      text: '3 -> 8: because, limited by maxReplicas 8',
    });
    const reasons = (state: typeof outcome.state) =>
      Object.fromEntries(Object.entries(decider.show(state).conditions).map(([type, { reason }]) => [type, reason]));
    expect(reasons(outcome.state)).toEqual({
      ...{ AbleToScale: 'SucceededGetScale', ScalingActive: 'MissingMetrics', ScalingLimited: 'TooManyReplicas' },
    });
    expect(reasons(decider.scaled(outcome, 0))).toMatchObject({ AbleToScale: 'SucceededRescale' });
    expect(reasons(decider.failed(outcome, outcome.state, 'x'))).toMatchObject({ AbleToScale: 'FailedUpdateScale' });
  });
});
