import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../harness/history.ts';
import type { AttackHold, AttackOutcome } from '../../../harness/requests.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import { historyOf, KILL, killed, planOf, steadyLoad } from '../runs.ts';

/** The life of an attack that told these counts when it was over; undefined for one that counts nothing. */
function attacked(requests: AttackOutcome | undefined, bit: number | null = 20_100): TimedEvent[] {
  return killed(bit).map(event =>
    event.type === 'fault' && event.step === 'healed' && requests ? { ...event, requests } : event,
  );
}

function judged(objective: string, requests: AttackOutcome | undefined, bit?: number | null) {
  const plan = planOf({ faults: [KILL] });
  const facts = factsOf(plan, historyOf(plan, ...attacked(requests, bit)), steadyLoad());
  return judgeSlo({ name: 'outside', window: 'whole', objective }, facts);
}

const REJECTED = 'rejected(kill) >= 99%';
const VIOLATIONS = 'violations(kill) <= 0';

test.each([
  // All of 1,000: the lower bound is 99.7 %. All of 100: 97 %, which is not enough to tell.
  [REJECTED, { ended: 1000, rejected: 1000 }, 'pass', 100],
  [REJECTED, { ended: 100, rejected: 100 }, 'inconclusive', 100],
  [REJECTED, { ended: 1000, rejected: 900 }, 'fail', 90],
  [REJECTED, { ended: 0, rejected: 0 }, 'inconclusive', null],
  [REJECTED, undefined, 'inconclusive', null],
  [VIOLATIONS, { ended: 20, rejected: 20, violations: 0 }, 'pass', 0],
  [VIOLATIONS, { ended: 1000, rejected: 999, violations: 1 }, 'fail', 1],
  [VIOLATIONS, { ended: 0, rejected: 0, violations: 0 }, 'inconclusive', null],
  [VIOLATIONS, { ended: 20, rejected: 20 }, 'inconclusive', null],
  [VIOLATIONS, undefined, 'inconclusive', null],
] as const)('%s of %j is %s', (objective, requests, verdict, measured) => {
  expect(judged(objective, requests)).toMatchObject({ verdict, measured });
});

test('an attack that was never seen to act proves nothing', () => {
  expect(judged(REJECTED, { ended: 1000, rejected: 1000 }, null).verdict).toBe('invalid');
  expect(judged(VIOLATIONS, { ended: 20, rejected: 20, violations: 0 }, null).verdict).toBe('invalid');
});

/** Connections that a gateway has closed by its own count, at some seconds of the run. */
type Closes = Readonly<Record<number, number>>;

/** A run whose clients are well, or not, through an attack of at most 300 connections for 10 s. */
function runWith(
  hold: Partial<AttackHold>,
  { perSecond = 100, isHurt = false, closes = {} as Closes, id = 'kill' } = {},
) {
  const attack = { ...KILL, id, forMs: 10_000, parameters: { connections: 300, perSecond } };
  const slos = [{ name: 'errors', window: `fault:${id}`, objective: 'errors <= 5%' }];
  const plan = planOf({ faults: [attack], slos });
  const counts = { planned: 300, reached: 300, handled: 300, exhausted: 0, ...hold };
  const samples = Object.entries(closes).map(([second, forcedCloses]): TimedEvent => {
    const atMs = 1000 * Number(second);
    return { atMs, type: 'sample', seenMs: atMs, readings: { 'gateway-1': { forcedCloses } } };
  });
  const own = attacked({ ended: 0, rejected: 0, hold: counts }).map(event =>
    event.type === 'fault' ? { ...event, id } : event,
  );
  const events = historyOf(plan, ...own, ...samples);
  const records = steadyLoad(ms => (isHurt && ms > 20_100 && ms < 30_000 ? { outcome: 'reset' } : {}));
  const { verdict, exitCode, reasons } = judge({ events, records }).document;
  return { verdict, exitCode, reasons: reasons.join(' ') };
}

test.each([
  // 5 % of 300 are 15; 80 % are 240.
  ['every connection was closed', {}, 'pass', /met/],
  ['enough were', { handled: 15 }, 'pass', /met/],
  ['none was', { handled: 0 }, 'inconclusive', /too weak.* 0 of 300 .* Raise connections \(300\).*10 s/],
  ['hardly any was', { handled: 14 }, 'inconclusive', /too weak.* 14 of 300/],
  ['most reached the service', { reached: 240 }, 'pass', /met/],
  ['too few did', { reached: 239 }, 'inconclusive', /too weak.* 239 of 300 planned/],
  ['ports were short', { reached: 100, exhausted: 200 }, 'inconclusive', /200 failed for lack of ports.*ulimit/],
  ['none was opened', { planned: 1, reached: 0, handled: 0 }, 'inconclusive', /0 of 1 planned/],
] as const)('clients that are well through an attack: %s', (_, hold, verdict, reasons) => {
  expect(runWith(hold)).toMatchObject({ verdict, reasons: expect.stringMatching(reasons) });
});

test('an attack is named, unless its name is no more than that', () => {
  expect(runWith({ handled: 0 }).reasons).toContain('The attack `kill` was too weak');
  expect(runWith({ handled: 0 }, { id: 'attack' }).reasons).toContain('The attack was too weak');
});

test('names the rate where that is what bounds an attack', () => {
  const { reasons } = runWith({ planned: 50, reached: 50, handled: 0 }, { perSecond: 5 });
  expect(reasons).toMatch(/Raise the rate of 5 a second/);
});

test('an attack that hurts was strong enough, whatever became of its connections', () => {
  expect(runWith({ handled: 0 }, { isHurt: true })).toMatchObject({ verdict: 'fail', exitCode: 1 });
});

// The attack lasts from 20 s to 30 s.
test.each([
  ['while it lasted', { 19: 100, 21: 107, 29: 115 }, 'pass'],
  ['before and after it', { 1: 0, 19: 50, 21: 50, 29: 64, 40: 99 }, 'inconclusive'],
  ['after a restart', { 19: 100, 25: 15 }, 'pass'],
  ['before its first round', { 25: 100, 28: 114 }, 'inconclusive'],
] as const)('clients that do not read: the gateway counts closes %s', (_, closes, verdict) => {
  expect(runWith({ handled: 0 }, { closes })).toMatchObject({ verdict });
});
