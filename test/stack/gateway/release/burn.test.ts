import { describe, expect, test } from 'vitest';
import { burnOf } from '../../../../stack/gateway/release/burn.ts';
import { type RollbackOptions, releaseSchema } from '../../../../stack/gateway/release/config.ts';
import { OutcomeWindow, type Tally } from '../../../../stack/gateway/release/outcome-window.ts';

const ROUTE = { model: 'tiny', versions: [{ name: 'v1', weight: 1 }] };
const rollbackOf = (rollback: object) => releaseSchema.parse({ routes: [ROUTE], rollback }).rollback as RollbackOptions;

/** SLOs of 99 % without error, and of 95 % of first tokens within 500 ms, over 60 s and 5 s at 10 times, and 600 s and 60 s at 4 times. */
const OPTIONS = rollbackOf({
  ttft: { targetMs: 500, maxSlowRatio: 0.05 },
  burnRates: [
    { longMs: 60_000, shortMs: 5000, burnRate: 10 },
    { longMs: 600_000, shortMs: 60_000, burnRate: 4 },
  ],
  minRequests: 20,
});
const NONE: Tally = { requests: 0, failed: 0, timed: 0, slow: 0 };
const all = (tally: Partial<Tally>) => () => ({ ...NONE, ...tally });
/** Requests and failures by window, in s. */
const errors = (by: Readonly<Record<number, readonly [requests: number, failed: number]>>) => (windowMs: number) => {
  const [requests, failed] = by[windowMs / 1000] ?? [0, 0];
  return { ...NONE, requests, failed };
};

describe('a version is rolled back', () => {
  test.each([
    ['never without a request', all({}), all({}), undefined],
    ['when both windows burn at the rate', errors({ 5: [10, 1], 60: [100, 10], 600: [100, 10] }), all({}), 'errors'],
    ['not just below it', errors({ 5: [10, 1], 60: [1000, 99], 600: [1000, 39] }), all({}), undefined],
    ['not once it burns no more', errors({ 5: [10, 0], 60: [100, 50], 600: [100, 3] }), all({}), undefined],
    [
      'not for a burst that the long window does not see',
      errors({ 5: [10, 10], 60: [1000, 30], 600: [1000, 30] }),
      all({}),
      undefined,
    ],
    ['not when nothing came in the short one', errors({ 60: [100, 50] }), all({}), undefined],
    ['not for too few requests', errors({ 5: [5, 5], 60: [19, 19], 600: [19, 19] }), all({}), undefined],
    ['from the least number on', errors({ 5: [5, 5], 60: [20, 20], 600: [20, 20] }), all({}), 'errors'],
    ['when it burns slowly for long', errors({ 5: [10, 0], 60: [500, 20], 600: [5000, 200] }), all({}), 'errors'],
    [
      'not when the others burn as well',
      errors({ 5: [10, 5], 60: [100, 50], 600: [100, 50] }),
      all({ requests: 900, failed: 450 }),
      undefined,
    ],
    [
      'when the others burn less',
      errors({ 5: [10, 5], 60: [100, 50], 600: [100, 50] }),
      all({ requests: 900, failed: 18 }),
      'errors',
    ],
    [
      'when the others are too few to tell',
      errors({ 5: [10, 5], 60: [100, 50], 600: [100, 50] }),
      all({ requests: 19, failed: 19 }),
      'errors',
    ],
    ['when first tokens are late', all({ requests: 100, timed: 100, slow: 50 }), all({}), 'ttft'],
    ['not when few are', all({ requests: 100, timed: 100, slow: 19 }), all({}), undefined],
    [
      'not when they are late everywhere',
      all({ requests: 100, timed: 100, slow: 60 }),
      all({ timed: 900, slow: 500 }),
      undefined,
    ],
    [
      'for errors, although the first tokens of others are late',
      all({ requests: 100, failed: 50 }),
      all({ timed: 900, slow: 500 }),
      'errors',
    ],
  ])('%s', (_, version, others, slo) => {
    expect(burnOf(OPTIONS, version, others)?.slo).toBe(slo);
  });

  test('with a reason that has the figures', () => {
    const { reason } = burnOf(OPTIONS, errors({ 5: [10, 5], 60: [40, 20] }), all({}))!;
    expect(reason).toBe('20 of 40 requests failed within 60 s: 50.0 times the budget of 1 %, limit 10');
  });

  test('by the rates of the SRE workbook unless configured', () => {
    const options = rollbackOf({});
    expect(options).toMatchObject({ maxErrorRatio: 0.01, ttft: 'off', minRequests: 50 });
    expect(burnOf(options, all({ requests: 1000, failed: 144 }), all({}))?.slo).toBe('errors');
    expect(burnOf(options, all({ requests: 1000, failed: 59 }), all({}))).toBeUndefined();
  });
});

test.each([
  [
    { maxErrorRatio: 0.2, burnRates: [{ longMs: 60_000, shortMs: 5000, burnRate: 10 }] },
    'maxErrorRatio',
    'must be at most 0.1',
  ],
  [{ ttft: { targetMs: 500, maxSlowRatio: 0.5 } }, 'ttft.maxSlowRatio', 'must be at most'],
  [{ burnRates: [{ longMs: 5000, shortMs: 5000, burnRate: 10 }] }, 'burnRates.0.shortMs', 'shorter than the long'],
  [{ minRequests: 0 }, 'minRequests', '>=1'],
])('refuses %j', (rollback, field, message) => {
  const { error } = releaseSchema.safeParse({ routes: [ROUTE], rollback });
  const issues = JSON.stringify(error?.issues);
  expect(issues).toContain(message);
  expect(issues).toContain(field.split('.').at(-1));
});

test('outcomes leave a window in steps of a tenth of the shortest', () => {
  const window = new OutcomeWindow([10_000, 1000]);
  for (let atMs = 0; atMs < 20_000; atMs += 50) window.add({ requests: 1, failed: atMs < 15_000 ? 1 : 0 }, atMs);
  expect(window.within(1000, 19_950)).toMatchObject({ requests: 20, failed: 0 });
  expect(window.within(10_000, 19_950)).toMatchObject({ requests: 200, failed: 100 });
  expect(window.within(10_000, 24_950)).toMatchObject({ requests: 100, failed: 0 });
  expect(window.within(10_000, 60_000)).toEqual(NONE);
  window.clear();
  expect(window.within(10_000, 19_950)).toEqual(NONE);
});
