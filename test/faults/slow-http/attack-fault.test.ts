import { expect, it } from 'vitest';
import type { LinkFaultPackage } from '../../../faults/fault.ts';
import { hasBitten } from '../../../faults/slow-http/attacker/attack-fault.ts';
import { Tally } from '../../../faults/slow-http/attacker/tally.ts';
import { fault } from '../../../faults/slow-http/malformed.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { Link } from '../../../harness/contracts.ts';
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
    await acting.bites(signal);
    await systemClock.sleep(2000);
  } finally {
    await acting.heal(signal);
  }
  return acting.healed(signal);
}

it('counts what hangs and what is answered twice as not refused, and says so', async () => {
  await using server = await answersWrongly('hangs', 'refuses-twice', 'refuses');
  const { requests, evidence } = await attackAt(server.url, { perSecond: 60, hangMs: 300 });
  // One of three is refused as it should be.
  expect(requests!.ended).toBeGreaterThan(80);
  expect(requests!.refused / requests!.ended).toBeGreaterThan(0.25);
  expect(requests!.refused / requests!.ended).toBeLessThan(0.45);
  expect(evidence).toMatch(/; wrong: \d+ × .*(neither answered nor closed|2 answers to one request).* and \d+ more; /);
});

it('counts all as refused where nothing is wrong', async () => {
  await using server = await answersWrongly('refuses');
  const { requests, evidence } = await attackAt(server.url, { perSecond: 60, hangMs: 2000 });
  expect(requests!.ended).toBeGreaterThan(80);
  expect(requests!.refused).toBe(requests!.ended);
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
  (status, count, bites) => {
    const tally = new Tally(0);
    tally.opened = 100;
    tally.connecting = 100;
    for (let connection = 0; connection < count; connection += 1) {
      tally.established();
      tally.held -= 1;
      tally.answered += 1;
      tally.ended({ how: 'fin', heldMs: 300, statuses: [status], isServed: false, violation: undefined });
    }
    expect(hasBitten(tally.sample(1000))).toBe(bites);
  },
);
