import { expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { setPaused } from '../../../platform/docker/container-instance.ts';

const busy = 'OCI runtime pause failed: unable to freeze: unknown';

/** A container whose engine refuses to freeze it as often as there are messages. */
function containerThatRefuses(messages: string[]) {
  const state = { Running: true, Paused: false };
  let attempts = 0;
  const container = {
    pause: async () => {
      const message = messages[attempts++];
      if (message) throw new Error(message);
      state.Paused = true;
    },
    unpause: async () => {
      state.Paused = false;
    },
    inspect: async () => ({ State: { ...state } }),
  };
  const started = Promise.resolve({ container, logged: Promise.resolve() });
  const run = { started, pid: 1, isPaused: false, isGone: false, isKilled: false } as unknown as Parameters<
    typeof setPaused
  >[0];
  return { run, state, attempts: () => attempts };
}

const clock = { ...systemClock, sleep: async () => {} };

it('freezes a container again that the kernel could not freeze at once', async () => {
  const { run, state, attempts } = containerThatRefuses([busy, busy, busy]);
  await setPaused(run, true, clock);
  expect([state.Paused, attempts()]).toEqual([true, 4]);
});

it('gives up in the end, and at once for any other reason', async () => {
  const stubborn = containerThatRefuses(Array<string>(1000).fill(busy));
  await expect(setPaused(stubborn.run, true, clock)).rejects.toThrow('unable to freeze');
  expect(stubborn.attempts()).toBeLessThan(100);
  const broken = containerThatRefuses(['no such container']);
  await expect(setPaused(broken.run, true, clock)).rejects.toThrow('no such container');
  expect(broken.attempts()).toBe(1);
});

it('no longer wants to freeze one that has been thawed meanwhile', async () => {
  const { run, state, attempts } = containerThatRefuses([busy, busy]);
  const frozen = setPaused(run, true, { ...clock, sleep: () => setPaused(run, false, clock) });
  await frozen;
  expect(state.Paused).toBe(false);
  expect(attempts()).toBe(2);
});
