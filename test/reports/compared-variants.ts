import type { RunPlan } from '../../harness/plan.ts';
import type { VariantRun } from '../../reports/store/variants-document.ts';
import { planOf } from './runs.ts';

/** A plan with these objectives for the whole load. */
export const plan = (objectives: readonly string[]): RunPlan => ({
  ...planOf(),
  slos: objectives.map((objective, index) => ({ name: `slo ${index}`, window: 'whole', objective })) as RunPlan['slos'],
});

const seeds = [1, 2, 3, 4, 5, 6];
const run = (variant: string, seed: number, figures: Partial<VariantRun['figures']>, fails = false): VariantRun => ({
  ...{
    variant,
    seed,
    directory: `${variant}/${seed}`,
    reasons: [],
    verdict: fails ? 'fail' : 'pass',
    exitCode: fails ? 1 : 0,
  },
  slos: [
    {
      name: 'TTFT',
      window: 'whole',
      objective: 'p99(ttft) <= 1 s',
      verdict: fails ? 'fail' : 'pass',
      measured: 1,
      unit: 'ms',
    },
  ],
  figures: {
    withinSlo: 99,
    ttftP99: 100,
    latencyP99: 500,
    errors: 0,
    replicaHours: 10,
    per1000Requests: null,
    perMillionTokens: null,
    oscillations: 0,
    ...figures,
  },
});
const noise = [0, 3, -2, 5, -4, 1];
/** Four variants: one costs less, one is dominated, one has a run without a P99. */
export const variants = ['static', 'hpa', 'bad', 'dead'].map(name => ({
  ...{ name, set: {}, expect: name === 'bad' ? ('fail' as const) : ('pass' as const) },
}));
/** A run of each with each of six seeds. */
export const runs = seeds.flatMap((seed, index) => [
  run('static', seed, { ttftP99: 100 + noise[index]!, replicaHours: 20 }),
  run('hpa', seed, { ttftP99: 101 + noise[5 - index]!, replicaHours: 8 + 0.1 * noise[index]!, oscillations: 2 }),
  run('bad', seed, { ttftP99: 300 + noise[index]!, replicaHours: 12, withinSlo: 60 + noise[index]! }, true),
  run('dead', seed, { ttftP99: seed === 3 ? null : 100, replicaHours: 1 }),
]);
/** What they have in common. */
export const context = {
  ...{ id: 'x', replay: 'npx squall run x', startedAt: '', machine: {}, versions: {} },
  ...{ plan: plan(['p99(ttft) <= 1 s']), seeds, interrupted: false, variants },
};
