import { describe, expect, it } from 'vitest';
import type { Ramp } from '../../../harness/arrivals/arrivals.ts';
import { Users } from '../../../load/stream/users.ts';

const ramp = (fromMs: number, toMs: number, fromUsers: number, toUsers: number): Ramp => ({
  name: 's',
  fromMs,
  toMs,
  fromPerSecond: 0,
  toPerSecond: 0,
  fromUsers,
  toUsers,
});
const ramps = [ramp(-1000, 0, 2, 2), ramp(0, 10_000, 0, 100), ramp(10_000, 20_000, 20, 20)];
const users = (seed = 1) => new Users({ ramps, thinkTimeMs: [500, 2000], seed });

/** Lets all users live over a service that answers in no time; when each of them sent. */
function live(crowd: Users): { readonly user: number; readonly atMs: number }[] {
  const sent: { user: number; atMs: number }[] = [];
  for (const { user, dueMs } of crowd.first())
    for (let atMs: number | null = dueMs; atMs !== null; atMs = crowd.nextMs(user, atMs)) sent.push({ user, atMs });
  return sent;
}

describe('the users of a closed loop', () => {
  const sent = live(users());

  it('send only while they are there', () => {
    for (const { user, atMs } of sent) {
      const now = ramps.findLast(({ fromMs }) => fromMs <= atMs)!;
      const there = now.fromUsers! + ((now.toUsers! - now.fromUsers!) * (atMs - now.fromMs)) / (now.toMs - now.fromMs);
      expect(user).toBeLessThanOrEqual(there + 1e-6);
      expect(atMs).toBeLessThan(20_000);
    }
  });

  it('think for 0.5 to 2 s between an answer and the next request while they stay', () => {
    const staying = sent.filter(({ user, atMs }) => user <= 20 && atMs >= 10_000);
    const gaps = [...Map.groupBy(staying, ({ user }) => user).values()].flatMap(own =>
      own.slice(1).map(({ atMs }, i) => atMs - own[i]!.atMs),
    );
    expect(gaps.length).toBeGreaterThan(100);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2000);
    // Uniform: mean 1,250 with a stddev of 433.
    const mean = gaps.reduce((a, b) => a + b) / gaps.length;
    expect(Math.abs(mean - 1250)).toBeLessThan((4 * 433) / Math.sqrt(gaps.length));
  });

  it('do not march in step when they come together', () => {
    const together = new Users({ ramps: [ramp(0, 60_000, 50, 50)], thinkTimeMs: [1000, 1000], seed: 1 });
    const first = [...together.first()].map(({ dueMs }) => dueMs);
    expect(new Set(first.map(ms => Math.floor(ms / 100))).size).toBe(10);
    expect(Math.max(...first)).toBeLessThan(1000);
  });

  it('are the same for the same seed, whatever the others do', () => {
    expect(live(users())).toEqual(sent);
    expect(live(users(2))).not.toEqual(sent);
    const alone = users();
    const first = [...alone.first()].find(({ user }) => user === 2)!;
    const own = sent.filter(({ user }) => user === 2).map(({ atMs }) => atMs);
    expect([first.dueMs, alone.nextMs(2, first.dueMs)]).toEqual(own.slice(0, 2));
  });
});
