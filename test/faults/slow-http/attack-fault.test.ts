import { expect, it } from 'vitest';
import { attackFault, hasTakenEffect } from '../../../faults/slow-http/attacker/attack-fault.ts';
import { attackPoints, Tally } from '../../../faults/slow-http/attacker/tally.ts';
import { attack } from '../../../faults/slow-http/malformed.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { Link } from '../../../harness/contracts.ts';
import type { AttackOutcome } from '../../../harness/requests.ts';
import { fakeStack } from '../fakes.ts';
import { answersWrongly } from './fixtures/answers-wrongly.ts';

/** An attack on a link straight to a server, from its effect to its end 2 s later. */
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
    trace: () => Promise.reject(new Error('not traced')),
  };
  const fault = attackFault(attack);
  if (fault.on !== 'link') expect.unreachable();
  const context = { stack, clock: systemClock, forMs: 60_000 };
  const acting = fault.create(fault.parameters.parse(parameters), link, context);
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

it('counts hangs and second responses as not rejected, and reports them', async () => {
  await using server = await answersWrongly('hangs', 'refuses-twice', 'refuses');
  const { requests, evidence } = await attackAt(server.url, { perSecond: 60, hangMs: 300 });
  // One of three is rejected as it should be.
  expect(requests!.ended).toBeGreaterThan(80);
  expect(requests!.rejected / requests!.ended).toBeGreaterThan(0.25);
  expect(requests!.rejected / requests!.ended).toBeLessThan(0.45);
  const { points = [] } = requests as AttackOutcome;
  expect(points.map(({ atMs }) => Math.floor(atMs / 1000))).toEqual(expect.arrayContaining([0, 1, 2]));
  expect(points[0]).toMatchObject({ closed: 0, rejected: 0, served: 0 });
  // Connections that are not over yet, or were still read at the end, are in no point.
  expect(points.at(-1)!.rejected / requests!.rejected).toBeGreaterThan(0.5);
  expect(points.at(-1)!.rejected / requests!.rejected).toBeLessThanOrEqual(1);
  expect(evidence).toMatch(
    /; violations: \d+ × .*(no response, connection left open|2 responses to one request).* and \d+ more; /,
  );
});

it('counts all as rejected where nothing is wrong', async () => {
  await using server = await answersWrongly('refuses');
  const { requests, evidence } = await attackAt(server.url, { perSecond: 60, hangMs: 2000 });
  expect(requests!.ended).toBeGreaterThan(80);
  expect(requests!.rejected).toBe(requests!.ended);
  expect(evidence).not.toContain('violations');
});

// Of 100 connections some got a response and ended, each of them once, while the others wait to be accepted.
it.each([
  [408, 40, false],
  [503, 40, false],
  [408, 79, false],
  [408, 80, true],
] as const)(
  'has taken effect by connections that reached the service, each counted once: %i to %i of 100 is %s',
  (status, count, isEffective) => {
    const tally = new Tally(0);
    tally.counts.opened = 100;
    tally.counts.connecting = 100;
    for (let connection = 0; connection < count; connection += 1) {
      tally.established();
      tally.counts.open -= 1;
      tally.counts.responses += 1;
      tally.ended({ how: 'fin', openMs: 300, statuses: [status], isServed: false, violation: undefined });
    }
    expect(hasTakenEffect(tally.sample(1000))).toBe(isEffective);
  },
);

// One connection a second, of which each second one is closed by the server or rejected, and the rest stay open.
function timelineOf(seconds: number) {
  const tally = new Tally(0);
  const endings = [408, 503, 400];
  return Array.from({ length: seconds + 1 }, (_, second) => {
    if (second > 0) tally.established();
    const status = endings[second % 6];
    if (status !== undefined && second > 0) {
      tally.counts.open -= 1;
      const isServed = status === 400;
      const how = isServed ? 'client' : 'fin';
      tally.ended({ how, openMs: 300, statuses: [status], isServed, violation: undefined });
    }
    return tally.sample(1000 * second);
  });
}

it.each([
  [60, 61],
  [119, 120],
  [120, 61],
  [3600, 117],
])('downsamples %i s to %i points, the last one unchanged', (seconds, count) => {
  const timeline = timelineOf(seconds);
  const points = attackPoints(timeline, 120);
  expect(points).toHaveLength(count);
  const { open, closedByServer, rejected } = timeline.at(-1)!;
  expect(points.at(-1)).toMatchObject({ atMs: 1000 * seconds, closed: closedByServer, rejected });
  expect(points.at(-1)!.open).toBeGreaterThanOrEqual(open);
  expect(rejected).toBeGreaterThan(closedByServer);
});

it('has no points of an attack that never began, and keeps the maximum of open connections between two points', () => {
  expect(attackPoints([], 120)).toEqual([]);
  const tally = new Tally(0);
  const timeline = [0, 9, 0, 5].map((open, second) => {
    tally.counts.open = open;
    return tally.sample(1000 * second);
  });
  expect(attackPoints(timeline, 2).map(({ atMs, open }) => [atMs, open])).toEqual([
    [1000, 9],
    [3000, 5],
  ]);
});
