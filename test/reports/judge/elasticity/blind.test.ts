import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../../harness/history.ts';
import { warningsOf } from '../../../../reports/judge/warnings/found.ts';
import { DELAYS, judged, STEP_MS, scriptedFacts } from './scripted.ts';

test('an autoscaler that could decide nothing is named, instead of metrics that called for nothing', () => {
  const decision = (atMs: number, current: number): TimedEvent => ({
    ...{ type: 'decision', deployment: 'inference', reason: '', atMs, current, proposal: current, desired: current },
  });
  const condition = (atMs: number, status: 'True' | 'False'): TimedEvent => ({
    ...{ type: 'condition', deployment: 'inference', condition: 'ScalingActive', atMs, status },
    ...{ reason: 'PolicyFailed', message: 'the policy failed: boom' },
  });
  const calm = { records: scriptedFacts({ delays: { ...DELAYS, calm: -1e9 } }).records };
  const without = (event: { type: string }) => event.type === 'decision' || event.type === 'scale';
  const decisions = [10_000, STEP_MS + 15_000, STEP_MS + 30_000].map(atMs => decision(atMs, 3));
  const reasonWith = (...extra: TimedEvent[]) =>
    judged('scaling(step).decided <= 60 s', { ...calm, without, extra: [...decisions, ...extra] }).reason;
  expect(reasonWith(condition(10_001, 'False'))).toContain(
    'ScalingActive was False, PolicyFailed: the policy failed: boom',
  );
  expect(reasonWith(condition(10_001, 'False'), condition(STEP_MS + 16_000, 'True'))).toContain(
    'its metrics never called',
  );
});

test('a metric that never had a value, and a policy that failed, are warnings', () => {
  const decision = (atMs: number, ...unknown: string[]): TimedEvent => ({
    ...{ type: 'decision', deployment: 'inference', reason: '', atMs, current: 3, proposal: 3, desired: 3, unknown },
  });
  const failing: TimedEvent = {
    ...{ type: 'condition', deployment: 'inference', condition: 'ScalingActive', atMs: 2, status: 'False' },
    ...{ reason: 'PolicyFailed', message: 'the policy failed: boom' },
  };
  const without = ({ type }: { type: string }) => type === 'decision';
  const warnings = (...extra: TimedEvent[]) => {
    const facts = scriptedFacts();
    const events = [...facts.events.filter(event => !without(event)), ...extra];
    return warningsOf({ ...facts, events }, { promptTokens: null, sent: 1 } as never, null).filter(text =>
      text.includes('autoscaler'),
    );
  };
  expect(warnings(decision(1, 'rps', 'queue'), decision(10, 'queue'))).toEqual([
    expect.stringContaining("The autoscaler's metric queue had no value in any of 2 decisions"),
  ]);
  expect(warnings(decision(1), failing, decision(10))).toEqual([
    'Nothing followed from 2 of 2 decisions of the autoscaler: the policy failed: boom.',
  ]);
  const missing = { ...failing, reason: 'FailedGetPodsMetric' } as TimedEvent;
  const recovered = { ...failing, atMs: 5, status: 'True' } as TimedEvent;
  expect(warnings(decision(1), missing, decision(4), recovered, decision(10), decision(20), decision(30))).toEqual([]);
});
