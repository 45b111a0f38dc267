import { expect, test } from 'vitest';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import { historyOf, KILL, killed, planOf, steadyLoad } from '../runs.ts';

/** An attack some of whose finished requests were rejected; undefined for one that counts none. */
function refused(requests: { ended: number; rejected: number } | undefined, bit: number | null = 20_100) {
  const plan = planOf({ faults: [KILL] });
  const life = killed(bit).map(event =>
    event.type === 'fault' && event.step === 'healed' && requests ? { ...event, requests } : event,
  );
  const facts = factsOf(plan, historyOf(plan, ...life), steadyLoad());
  return judgeSlo({ name: 'outside', window: 'whole', objective: 'refused(kill) >= 99%' }, facts);
}

test.each([
  // All of 1,000: the lower bound is 99.7 %. All of 100: 97 %, which is not enough to tell.
  [{ ended: 1000, rejected: 1000 }, 'pass', 100],
  [{ ended: 100, rejected: 100 }, 'inconclusive', 100],
  [{ ended: 1000, rejected: 900 }, 'fail', 90],
  [{ ended: 0, rejected: 0 }, 'inconclusive', null],
  [undefined, 'inconclusive', null],
] as const)('%j is %s', (requests, verdict, measured) => {
  expect(refused(requests)).toMatchObject({ verdict, measured, unit: '%' });
});

test('an attack that was never seen to act proves nothing', () => {
  expect(refused({ ended: 1000, rejected: 1000 }, null).verdict).toBe('invalid');
});
