import { expect, test } from 'vitest';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import { historyOf, KILL, killed, planOf, steadyLoad } from '../runs.ts';

/** An attack that refused some of those of its requests that ended; undefined for one that counts none. */
function refused(requests: { ended: number; refused: number } | undefined, bit: number | null = 20_100) {
  const plan = planOf({ faults: [KILL] });
  const life = killed(bit).map(event =>
    event.type === 'fault' && event.step === 'healed' && requests ? { ...event, requests } : event,
  );
  const facts = factsOf(plan, historyOf(plan, ...life), steadyLoad());
  return judgeSlo({ name: 'outside', window: 'whole', objective: 'refused(kill) >= 99%' }, facts);
}

test.each([
  // All of 1,000: the lower bound is 99.7 %. All of 100: 97 %, which is not enough to tell.
  [{ ended: 1000, refused: 1000 }, 'pass', 100],
  [{ ended: 100, refused: 100 }, 'inconclusive', 100],
  [{ ended: 1000, refused: 900 }, 'fail', 90],
  [{ ended: 0, refused: 0 }, 'inconclusive', null],
  [undefined, 'inconclusive', null],
] as const)('%j is %s', (requests, verdict, measured) => {
  expect(refused(requests)).toMatchObject({ verdict, measured, unit: '%' });
});

test('an attack that was never seen to act proves nothing', () => {
  expect(refused({ ended: 1000, refused: 1000 }, null).verdict).toBe('invalid');
});
