import { describe, expect, it } from 'vitest';
import type { Random } from '../../../../harness/random.ts';
import { policyKinds } from '../../../../stack/autoscaler/policy/catalog.ts';
import type { Policy } from '../../../../stack/autoscaler/policy/policy.ts';
import { decisionsOf, forSeeds, inputOf, policyOf, SYNC_MS } from './fixtures.ts';

const CASES = 10_000;
/** Each run of decisions counts as that many cases. */
const STEPS = 10;

/** Random options of each kind; a new kind adds its own here. */
const OPTIONS: Record<string, (random: Random) => object> = {
  noop: () => ({}),
  knative: random => ({
    target: random.integer(1, 20),
    stableWindowMs: random.integer(6, 120) * 1000,
    panicWindowPercentage: random.integer(1, 50),
    maxScaleUpRate: random.integer(2, 20),
    maxScaleDownRate: random.integer(2, 4),
    scaleDownDelayMs: random.integer(0, 120) * 1000,
    scaleToZeroGraceMs: random.integer(0, 60) * 1000,
  }),
  keda: random => ({
    target: random.integer(1, 20),
    activation: random.integer(0, 5),
    cooldownMs: random.integer(0, 300) * 1000,
    downscaleStabilizationMs: random.integer(0, 300) * 1000,
  }),
  slo: random => ({
    budgetMs: random.integer(500, 20_000),
    windowMs: random.integer(1, 120) * 1000,
    downAfterMs: random.integer(0, 90) * 1000,
    maxFactor: 1 + random.integer(1, 20) / 10,
  }),
  // None of them begins or ends within the 40 minutes of a run.
  schedule: random => ({
    windows: Array.from({ length: random.integer(1, 3) }, () => ({
      start: `0 ${random.integer(2, 5)} * * *`,
      end: `0 ${random.pick([6, 9, 12])} * * *`,
      replicas: random.integer(0, 25),
    })),
    timezone: 'UTC',
    leadMs: random.integer(0, 600) * 1000,
    ...(random.next() < 0.7 && { metric: 'load', target: random.integer(1, 10) }),
    stabilizationMs: random.integer(0, 300) * 1000,
  }),
  predictive: random => ({
    target: random.integer(1, 10),
    periodMs: 600_000,
    bucketMs: random.pick([15_000, 30_000, 60_000]),
    leadMs: random.integer(1, 300) * 1000,
    stabilizationMs: random.integer(0, 300) * 1000,
  }),
  threshold: random => ({
    steps: Array.from({ length: random.integer(1, 4) }, () => ({
      metric: random.pick(['load', 'queue', 'p99']),
      [random.pick(['above', 'below'])]: random.integer(0, 40) / 10,
      ...(random.next() < 0.3 && { forMs: random.integer(0, 60_000) }),
      ...random.pick([
        { add: random.integer(1, 9) },
        { add: -random.integer(1, 9) },
        { atLeast: random.integer(1, 9) },
        { atMost: random.integer(1, 9) },
      ]),
    })),
    cooldownMs: random.integer(0, 60_000),
  }),
};

function randomPolicy(random: Random, kind: string) {
  const { scalesToZero = false } = policyKinds.find(each => each.kind === kind)!;
  const minReplicas = random.integer(scalesToZero ? 0 : 1, 5);
  return policyOf({ kind, minReplicas, maxReplicas: minReplicas + random.integer(1, 15), ...OPTIONS[kind]!(random) });
}

/** Values of metrics, some of them unknown. */
const randomMetrics = ({ metrics }: Policy, random: Random, unknownRatio: number) =>
  Object.fromEntries(
    Object.keys(metrics).map(name => [name, random.next() < unknownRatio ? undefined : random.next() ** 3 * 50]),
  );

const kinds = policyKinds.map(({ kind }) => kind);

/** Properties that a policy has by itself, asked without what makes it safe. */
const PROPERTIES: Record<string, (make: (random: Random) => ReturnType<typeof policyOf>) => void> = {
  'never leaves its bounds': make =>
    forSeeds(CASES / STEPS, random => {
      const made = make(random);
      const { minReplicas, maxReplicas } = made.options;
      const metrics = () => randomMetrics(made.policy, random, 0.2);
      let state: unknown;
      let replicas = random.integer(minReplicas, maxReplicas);
      for (let step = 0; step < STEPS; step += 1) {
        const input = inputOf({ replicas, minReplicas, maxReplicas, state, metrics: metrics(), nowMs: step * SYNC_MS });
        const decision = made.policy.decide(input, made.options);
        state = decision.state;
        replicas = decision.replicas;
        expect(replicas).toBeGreaterThanOrEqual(minReplicas);
        expect(replicas).toBeLessThanOrEqual(maxReplicas);
        expect(Number.isInteger(replicas)).toBe(true);
      }
    }),
  'never goes down while none of its metrics is known': make =>
    forSeeds(CASES / STEPS, random => {
      const made = make(random);
      if (Object.keys(made.policy.metrics).length === 0) return;
      const { minReplicas, maxReplicas } = made.options;
      const first = random.integer(minReplicas, maxReplicas);
      const known = Array.from({ length: random.integer(0, 5) }, () => ({
        metrics: randomMetrics(made.policy, random, 0),
      }));
      const blind = Array.from({ length: STEPS }, () => ({ metrics: {} }));
      const counts = decisionsOf(made, [...known, ...blind], first).map(({ replicas }) => replicas);
      const before = counts[known.length - 1] ?? first;
      for (const count of counts.slice(known.length)) expect(count).toBeGreaterThanOrEqual(before);
    }),
  'comes to rest under constant input, and turns at most once on the way': make =>
    forSeeds(CASES / 50, random => {
      const made = make(random);
      const { minReplicas, maxReplicas } = made.options;
      const metrics = randomMetrics(made.policy, random, 0);
      // Longer than any window of the random options together, and than one replica a cooldown.
      const steps = Array.from({ length: 160 }, () => ({ metrics }));
      const counts = decisionsOf(made, steps, random.integer(minReplicas, maxReplicas)).map(({ replicas }) => replicas);
      const rest = counts.slice(-20);
      expect(new Set(rest).size, `${JSON.stringify(made.options)} ${JSON.stringify(metrics)} ${counts}`).toBe(1);
      const changes = counts
        .slice(1)
        .map((count, index) => Math.sign(count - counts[index]!))
        .filter(sign => sign !== 0);
      const turns = changes.filter((sign, index) => index > 0 && sign !== changes[index - 1]).length;
      expect(turns, `${JSON.stringify(made.options)} ${JSON.stringify(metrics)} ${counts}`).toBeLessThanOrEqual(1);
    }),
};

describe.each(kinds)('the policy %s', kind => {
  it.each(Object.entries(PROPERTIES))('%s, in 10,000 random decisions', (_, check) => {
    check(random => randomPolicy(random, kind));
  });
});

describe('the properties', () => {
  /** A policy that is wrong in one way. */
  const broken = (decide: Policy['decide']) => () => ({
    policy: { metrics: { queue: 'q' }, decide } as Policy,
    options: { kind: 'broken', minReplicas: 2, maxReplicas: 6 },
  });

  it.each([
    ['never leaves its bounds', broken(({ replicas }) => ({ replicas: replicas + 1, reason: '' }))],
    ['never leaves its bounds', broken(() => ({ replicas: 1, reason: '' }))],
    [
      'comes to rest under constant input, and turns at most once on the way',
      broken(({ replicas }) => ({ replicas: replicas === 2 ? 3 : 2, reason: '' })),
    ],
    [
      'comes to rest under constant input, and turns at most once on the way',
      broken(({ state, replicas }) => {
        const count = ((state as number | undefined) ?? 0) + 1;
        return { replicas: count < 20 ? [3, 5, 4][count % 3]! : replicas, reason: '', state: count };
      }),
    ],
  ])('find a policy that does not: %s', (property, make) => {
    expect(() => PROPERTIES[property]!(make)).toThrow();
  });

  it('find one that takes silence for no load, where the autoscaler does not keep it from that', () => {
    const deaf = broken(() => ({ replicas: 2, reason: '' }))();
    const harmless = { ...deaf, policy: { ...deaf.policy, mayBeMissing: ['queue'] } };
    const check = PROPERTIES['never goes down while none of its metrics is known']!;
    expect(() => check(() => harmless)).toThrow();
    expect(() => check(() => deaf)).not.toThrow();
  });
});
