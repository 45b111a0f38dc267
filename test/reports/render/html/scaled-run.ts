import type { DecisionRow } from '../../../../reports/store/elasticity-results.ts';
import type { RunDocument } from '../../../../reports/store/run-document.ts';

/** Results of a run that scaled: one reaction to its end, and one that nothing was decided in. */
export const SCALED: Pick<RunDocument, 'cost' | 'scaling'> = {
  cost: {
    dollars: 0.09,
    instances: 4.75,
    source: 'replicas at 3 $/h',
    per1000Requests: 0.147,
    perMillionTokens: 2.23,
  },
  scaling: [
    {
      trigger: 'load:hold, 20/s to 60/s',
      direction: 'up',
      broken: ['p95(ttft) <= 800 ms'],
      isNeeded: true,
      missing: {},
      intervals: { signal: [22_000, 22_500], ready: [29_300, 29_400], restored: [32_980, 33_000] },
      stepAtMs: 20_000,
      signalAtMs: 22_500,
      decidedAtMs: 23_000,
      startedAtMs: 23_400,
      readyAtMs: 29_400,
      firstServedAtMs: 29_900,
      restoredAtMs: 33_000,
    },
    {
      trigger: 'fault:kill, kill of inference-2',
      direction: 'up',
      broken: [],
      isNeeded: true,
      missing: { decided: 'the number of replicas was not raised' },
      intervals: { signal: [25_500, 26_000] },
      stepAtMs: 24_000,
      signalAtMs: 26_000,
      decidedAtMs: null,
      startedAtMs: null,
      readyAtMs: null,
      firstServedAtMs: null,
      restoredAtMs: null,
    },
  ],
};

/** What its autoscaler decided. */
export const DECISIONS: readonly DecisionRow[] = [
  { atMs: -500, current: 3, proposal: 3, desired: 3, reason: '3: vllm:num_requests_waiting 0 / 5', kept: 12 },
  {
    atMs: 23_000,
    current: 3,
    proposal: 9,
    desired: 5,
    reason: '3 -> 5: vllm:num_requests_waiting 14 / 5, limited by policy 2 pods/30 s',
  },
];
