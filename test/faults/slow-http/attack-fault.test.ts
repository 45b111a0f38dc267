import { expect, it } from 'vitest';
import type { LinkFaultPackage } from '../../../faults/fault.ts';
import { hasTakenEffect } from '../../../faults/slow-http/attacker/attack-fault.ts';
import { attackPoints, Tally } from '../../../faults/slow-http/attacker/tally.ts';
import { fault } from '../../../faults/slow-http/malformed.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { Link } from '../../../harness/contracts.ts';
import type { AttackOutcome } from '../../../harness/requests.ts';
import { fakeStack } from '../fakes.ts';
import { answersWrongly } from './fixtures/answers-wrongly.ts';

/** An attack on a link straight to a server, from its bite to its end 2 s later. */
async function attackAt(url: string, parameters: Record<string, unknown>) {
  const { host } = new URL(url);
  const link: Link = {
    name: 'client→target',
    listen: host,
    upstream: host,
    protocol: 'http',
    fromZone: undefined,
    to: 'target',
  };
  const stack = {
    ...fakeStack(systemClock, [], [link]),
    entries: [url],
    probe: async () => ({ sentMs: systemClock.nowMs(), ttfbMs: 1 }),
  };
  const attack = fault as LinkFaultPackage;
  const context = { stack, clock: systemClock, forMs: 60_000 };
  const acting = attack.create(attack.parameters.parse(parameters), link, context);
  const { signal } = new AbortController();
  try {
    await acting.inject(signal);
    await acting.verifyEffect(signal);
    await systemClock.sleep(2000);
  } finally {
    await acting.heal(signal);
  }
  return acting.verifyHealed(signal);
}

it('counts what hangs and what is answered twice as not refused, and says so', async () => {
  await using server = await answersWrongly('hangs', 'refuses-twice', 'refuses');
  const { requests, evidence } = await attackAt(server.url, { perSecond: 60, hangMs: 300 });
  // One of three is refused as it should be.
  expect(requests!.ended).toBeGreaterThan(80);
  expect(requests!.rejected / requests!.ended).toBeGreaterThan(0.25);
  expect(requests!.rejected / requests!.ended).toBeLessThan(0.45);
  const { points = [] } = requests as AttackOutcome;
  expect(points.map(({ atMs }) => Math.floor(atMs / 1000))).toEqual(expect.arrayContaining([0, 1, 2]));
  expect(points[0]).toMatchObject({ closed: 0, rejected: 0, served: 0 });
  // What is not over yet, or was still listened to at the end, is in no point.
  expect(points.at(-1)!.rejected / requests!.rejected).toBeGreaterThan(0.5);
  expect(points.at(-1)!.rejected / requests!.rejected).toBeLessThanOrEqual(1);
  expect(evidence).toMatch(/; wrong: \d+ × .*(neither answered nor closed|2 answers to one request).* and \d+ more; /);
});

it('counts all as refused where nothing is wrong', async () => {
  await using server = await answersWrongly('refuses');
  const { requests, evidence } = await attackAt(server.url, { perSecond: 60, hangMs: 2000 });
  expect(requests!.ended).toBeGreaterThan(80);
  expect(requests!.rejected).toBe(requests!.ended);
  expect(evidence).not.toContain('wrong');
});

// Of 100 connections some were answered and ended, each of them once, while the others wait to be taken.
it.each([
  [408, 40, false],
  [503, 40, false],
  [408, 79, false],
  [408, 80, true],
] as const)(
  'bites by connections that met the service, each counted once: %i to %i of 100 is %s',
  (status, count, verifyEffect) => {
    const tally = new Tally(0);
    tally.opened = 100;
    tally.connecting = 100;
    for (let connection = 0; connection < count; connection += 1) {
      tally.established();
      tally.held -= 1;
      tally.answered += 1;
      tally.ended({ how: 'fin', heldMs: 300, statuses: [status], isServed: false, violation: undefined });
    }
    expect(hasTakenEffect(tally.sample(1000))).toBe(verifyEffect);
  },
);

// One connection a second, of which each third is evicted, turned away or rejected, and the rest are held.
function timelineOf(seconds: number) {
  const tally = new Tally(0);
  const endings = [408, 503, 400];
  return Array.from({ length: seconds + 1 }, (_, second) => {
    if (second > 0) tally.established();
    const status = endings[second % 6];
    if (status !== undefined && second > 0) {
      tally.held -= 1;
      const isServed = status === 400;
      const how = isServed ? 'client' : 'fin';
      tally.ended({ how, heldMs: 300, statuses: [status], isServed, violation: undefined });
    }
    return tally.sample(1000 * second);
  });
}

it.each([
  [60, 61],
  [119, 120],
  [120, 61],
  [3600, 117],
])('tells the course of %i s in %i points, the last as it was', (seconds, count) => {
  const timeline = timelineOf(seconds);
  const points = attackPoints(timeline, 120);
  expect(points).toHaveLength(count);
  const { held, evicted, turnedAway, rejected } = timeline.at(-1)!;
  expect(points.at(-1)).toMatchObject({ atMs: 1000 * seconds, closed: evicted, rejected: turnedAway + rejected });
  expect(points.at(-1)!.open).toBeGreaterThanOrEqual(held);
  expect(turnedAway + rejected).toBeGreaterThan(evicted);
});

it('has no course of what never began, and keeps the most that was held between two points', () => {
  expect(attackPoints([], 120)).toEqual([]);
  const tally = new Tally(0);
  const timeline = [0, 9, 0, 5].map((held, second) => {
    tally.held = held;
    return tally.sample(1000 * second);
  });
  expect(attackPoints(timeline, 2).map(({ atMs, open }) => [atMs, open])).toEqual([
    [1000, 9],
    [3000, 5],
  ]);
});
