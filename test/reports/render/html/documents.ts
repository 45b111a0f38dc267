import { compareVariants } from '../../../../reports/judge/variants/compare.ts';
import type { CapacityDocument, CapacityStep } from '../../../../reports/store/capacity-document.ts';
import type { TuneCandidate, TuneChange, TuneDocument, TuneEvidence } from '../../../../reports/store/tune-document.ts';
import { context, runs, variants } from '../../compared-variants.ts';

const COMMON = { schema: 1, id: 'id', seed: 42, startedAt: '2030-01-01T00:00:00.000Z', wallMs: 17_000 } as const;

function step(index: number, value: number, verdict: CapacityStep['verdict'], own: Partial<CapacityStep> = {}) {
  const isMet = verdict === 'pass';
  const figures = { requests: 30 * value, failed: 0, arrivalsPerSecond: value, completedPerSecond: value };
  const times = { p50TtftMs: 16, p99TtftMs: 100 * value, p99LatencyMs: 200 * value, tokensPerSecond: 20 * value };
  const reason = isMet ? 'All 2 SLOs are met.' : 'latency: P90 is 1.2 s.';
  const missed = isMet ? [] : ['p90(latency) <= 1 s'];
  return {
    ...{
      index,
      value,
      verdict,
      met: isMet,
      missed,
      reason,
      seed: 42 + index,
      replay: `npx squall run x --seed ${index}`,
    },
    ...{ tallies: [], isGeneratorLimit: false, endedEarly: false },
    ...figures,
    ...times,
    ...own,
  };
}

/** A search for a rate, with steps of each verdict. */
export const CAPACITY: CapacityDocument = {
  ...COMMON,
  ...{ scenario: 'one-at-a-time', platform: 'virtual', find: 'rate', stop: 'steps', level: 0.9, blind: 0 },
  edge: { value: 10.5, lower: 8.3, upper: 11.6 },
  ...{
    bestMet: 12,
    bestMissed: 11.3,
    bound: null,
    limitedBy: 'p90(latency) <= 1 s',
    knee: 9.5,
    perSecond: null,
    replicas: 1,
  },
  answer: '10.5/s, between 8.35/s and 11.6/s, limited by p90(latency)',
  reasons: ['The interval is not as narrow as --precision after --max-steps.'],
  notes: ['Each step is a run of the scenario at one constant load.'],
  prices: { gpusPerReplica: 1, dollarsPerGpuHour: 2, isAssumed: true },
  daily: {
    ...{ callsPerDay: 1_000_000, peakFactor: 2, peakPerSecond: 23.1, perReplicaPerSecond: 8.3 },
    ...{ replicas: 3, gpus: 3, dollarsPerDay: 144, dollarsPerMillionCalls: 144 },
  },
  steps: [
    step(0, 3, 'inconclusive', { met: null }),
    step(1, 6, 'pass'),
    step(2, 8, 'pass'),
    step(3, 9, 'pass'),
    step(4, 12, 'fail', { endedEarly: true, failed: 40 }),
    step(5, 24, 'invalid', { met: null, isGeneratorLimit: true, p99TtftMs: null }),
  ],
  replay: 'npx squall capacity one-at-a-time.yaml --seed 42',
};

const CHANGE: TuneChange = { field: 'spec.minReplicas', own: '4', tuned: '1' };
const SAVING = { mean: -31, lower: -60, upper: -10, samples: 6, evidence: 'lower' } as const;
const candidate = (round: number, outcome: TuneCandidate['outcome'], reason = ''): TuneCandidate => ({
  ...{ round, outcome, reason, changes: [CHANGE], runs: 1, costRatio: reason === '' ? 0.9 : null },
});
const cost = { mean: 0.012, lower: 0.009, upper: 0.014, samples: 6 };
const evidence = (phase: TuneEvidence['phase']): TuneEvidence => ({
  ...{ phase, scenario: 'tune-load', costUnit: 'replica-hours', difference: SAVING },
  ...{ own: { met: 6, runs: 6, cost }, tuned: { met: 5, runs: 6, cost } },
  comparison: compareVariants({ ...context, variants: variants.slice(0, 2), runs }),
});

/** An HPA that was found to cost less. */
export const TUNED: TuneDocument = {
  ...COMMON,
  ...{ file: 'hpa.yaml', scenarios: ['tune-load'], outcome: 'better', end: 'rounds', rounds: 2, runs: 17 },
  answer: 'it costs 31 % less (95 %: 60 % less to 10 % less), with all SLOs met on held-out seeds',
  reasons: ['The search ended after --rounds; more of them may find more.'],
  changes: [CHANGE],
  saving: { training: SAVING, heldOut: SAVING },
  evidence: [evidence('training'), evidence('held-out')],
  confirmations: [
    { changes: [CHANGE], seeds: [43, 44], outcome: 'fail', reason: 'TTFT failed.' },
    { changes: [CHANGE], seeds: [45, 46], outcome: 'pass', reason: '' },
  ],
  tried: [candidate(1, 'worse', 'costs no less'), candidate(2, 'best')],
  points: [
    { file: 'own', met: true, costRatio: 1, ttftP99Ms: 90 },
    { file: 'other', met: false, costRatio: 0.4, ttftP99Ms: 900 },
    { file: 'other', met: true, costRatio: 0.9, ttftP99Ms: 240 },
    { file: 'other', met: true, costRatio: 0.8, ttftP99Ms: null },
    { file: 'tuned', met: true, costRatio: 0.69, ttftP99Ms: 190 },
  ],
  fields: [{ field: 'spec.minReplicas', values: 9 }],
  ...{
    replay: 'npx squall tune hpa hpa.yaml',
    runOwn: 'npx squall run tune-load',
    runTuned: 'npx squall run tune-load',
  },
  yaml: 'tuned.yaml',
};
