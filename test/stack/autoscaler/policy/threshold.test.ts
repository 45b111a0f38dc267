import { expect, it } from 'vitest';
import { decisionsOf, policyOf } from './fixtures.ts';

const replicasOf = (options: object, metrics: readonly object[], first = 3) =>
  decisionsOf(
    policyOf({ kind: 'threshold', minReplicas: 3, maxReplicas: 12, ...options }),
    metrics.map(each => ({ metrics: each as never })),
    first,
  ).map(({ replicas }) => replicas);
const load = (...values: number[]) => values.map(value => ({ load: value }));

it.each([
  [
    'the rules of the documents: load > 0.8: + min(free, 5), < 0.3: - 1',
    { cooldownMs: 0 },
    load(0.5, 0.9, 0.9, 0.5, 0.2, 0.2, 0.8, 0.3),
    [3, 8, 12, 12, 11, 10, 10, 10],
  ],
  // 15 s between decisions: three of them within 45 s of the first change.
  [
    'nothing is added while the last change takes effect',
    { cooldownMs: 45_000 },
    load(0.9, 0.9, 0.9, 0.9),
    [8, 8, 8, 12],
  ],
  [
    'CPU > 85 %: + 3',
    { steps: [{ metric: 'cpu', above: 85, add: 3 }], cooldownMs: 0 },
    [{ cpu: 85 }, { cpu: 86 }, { cpu: 90 }],
    [3, 6, 9],
  ],
  [
    'an alert: P99 > 1.5 s for a minute: 3 -> 10, and back',
    {
      steps: [
        { metric: 'p99', above: 1.5, forMs: 60_000, atLeast: 10 },
        { metric: 'p99', below: 0.5, forMs: 30_000, atMost: 3 },
      ],
    },
    [1.6, 1.6, 1.4, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 0.4, 0.4, 0.4].map(p99 => ({ p99 })),
    [3, 3, 3, 3, 3, 3, 3, 10, 10, 10, 10, 3],
  ],
  [
    'what asks for more wins, and is not taken away by what asks for less',
    {
      steps: [
        { metric: 'a', above: 1, atLeast: 6 },
        { metric: 'b', below: 1, add: -2 },
      ],
      cooldownMs: 0,
    },
    [
      { a: 2, b: 0 },
      { a: 2, b: 0 },
      { a: 0, b: 0 },
      { a: 0, b: 2 },
    ],
    [6, 6, 4, 4],
  ],
  [
    'a metric that is unknown fires nothing, and nothing goes down meanwhile',
    { cooldownMs: 0 },
    [{ load: 0.9 }, {}, { load: 0.2 }],
    [8, 8, 7],
  ],
])('%s', (_, options, metrics, expected) => {
  expect(replicasOf(options, metrics)).toEqual(expected);
});

it('says which step and why', () => {
  const [first, second] = decisionsOf(policyOf({ kind: 'threshold', maxReplicas: 7 }), [
    { metrics: { load: 0.912 } },
    { metrics: { load: 0.91 } },
  ]);
  expect(first).toMatchObject({ replicas: 7, reason: 'load 0.912 > 0.8: +5' });
  expect(second!.reason).toBe('load 0.91, cooling down');
});

it.each([
  [{ steps: [{ metric: 'a', above: 1, below: 2, add: 1 }] }],
  [{ steps: [{ metric: 'a', add: 1 }] }],
  [{ steps: [{ metric: 'a', above: 1 }] }],
  [{ steps: [{ metric: 'a', above: 1, add: 0 }] }],
  [{ steps: [{ metric: 'a', above: 1, add: 1, atLeast: 3 }] }],
  [{ steps: [] }],
  [{ minReplicas: 0 }],
  [{ minReplicas: 5, maxReplicas: 4 }],
])('refuses %j', options => {
  expect(() => policyOf({ kind: 'threshold', ...options })).toThrow();
});
