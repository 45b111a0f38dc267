import { expect, test, vi } from 'vitest';
import { fault } from '../../../faults/network/latency.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { Fault, Link, RunningStack } from '../../../harness/contracts.ts';

vi.mock('../../../faults/toxiproxy/client.ts', () => ({
  toxiproxyOf: () => ({ addToxic: async () => {}, removeToxic: async () => {} }),
}));

const LINK = { name: 'client→target' } as Link;

/** The fault of 100 ± 10 ms on a link whose probes take these times, the last of them for ever. */
async function injected(...tookMs: number[]): Promise<Fault> {
  const probe = async () => ({ sentMs: 0, ttfbMs: tookMs.length > 1 ? tookMs.shift()! : tookMs[0]! });
  const stack = { proxyApiUrl: 'http://127.0.0.1:1', probe } as unknown as RunningStack;
  const parameters = fault.parameters.parse({ latencyMs: 100, jitterMs: 10 });
  const found = fault.create(parameters as never, LINK as never, { stack, clock: systemClock, forMs: 1000 });
  await found.inject(AbortSignal.timeout(1000));
  return found;
}
/** Two looks before the fault, which differ by more than it adds. */
const NOISE = [5, 90, 240, 6, 95, 210];
const effect = (found: Fault, limitMs = 120) => found.verifyEffect(AbortSignal.timeout(limitMs));

test('probes that take as much longer as the fault adds show its effect', async () => {
  const { evidence } = await effect(await injected(2, 3, 4, 95, 104, 112));
  expect(evidence).toBe('3 probes across client→target took 95, 104, 112 ms, 3 ms before');
});

test('a delay of seconds is seen as soon as a short one: the probes of a look do not wait for each other', async () => {
  let inFlight = 0;
  let most = 0;
  const probe = async () => {
    most = Math.max(most, ++inFlight);
    await systemClock.sleep(5);
    inFlight -= 1;
    return { sentMs: 0, ttfbMs: 5 };
  };
  const stack = { proxyApiUrl: 'http://127.0.0.1:1', probe } as unknown as RunningStack;
  const parameters = fault.parameters.parse({ latencyMs: 4000, jitterMs: 500 });
  const found = fault.create(parameters as never, LINK as never, { stack, clock: systemClock, forMs: 20_000 });
  await found.inject(AbortSignal.timeout(1000));
  expect(most).toBe(3);
  // Time for two looks, beside the limit of every fault.
  expect(found.effectDelayMs).toBe(9000);
});

test('where the target is noisy, two looks in a row show the effect, and one does not', async () => {
  const steady = [95, 104, 112, 230, 101, 99];
  const { evidence } = await effect(await injected(...NOISE, ...steady, 3), 400);
  expect(evidence).toContain('took 230, 101, 99 ms, 90 ms before');
  const found = await injected(...NOISE, ...steady.slice(0, 3), 3);
  await expect(effect(found)).rejects.toThrow();
  expect(found.noise?.()).toContain('5 to 240 ms before');
});

test('a moment of noise before the fault is not the noise of the target', async () => {
  const { evidence } = await effect(await injected(5, 90, 240, 2, 3, 4, 95, 104, 112));
  expect(evidence).toBe('3 probes across client→target took 95, 104, 112 ms, 3 ms before');
});

test('a server that takes 300 ms by itself shows no effect, and no noise hides one', async () => {
  // All probes exceed 100 − 10 ms, as they did before.
  const found = await injected(300, 301, 302, 301);
  await expect(effect(found)).rejects.toThrow();
  expect(found.noise?.()).toBeUndefined();
});

test.each([
  ['before the fault', [...NOISE, 60, 100, 110, 80]],
  ['during the fault', [5, 5, 5, 4, 90, 300, 4, 250, 50, 20]],
  ['slower than it explains', [5, 5, 5, 900]],
])('noise %s is told from no effect', async (_, tookMs) => {
  const found = await injected(...tookMs);
  await expect(effect(found)).rejects.toThrow();
  expect(found.noise?.()).toMatch(
    /^3 probes across client→target took .* ms, and 5 to \d+ ms before, where the fault adds 100 ± 10 ms$/,
  );
});

test('without a single response there is no noise to speak of', async () => {
  const found = await injected(3);
  const never = { ...found, verifyEffect: () => Promise.reject(new Error('aborted')) };
  await expect(effect(never)).rejects.toThrow();
  expect(found.noise?.()).toBeUndefined();
});

test.each([
  ['half of the probes', (nth: number) => (nth % 2 === 0 ? 104 : 3), true],
  ['all probes', () => 104, false],
  ['none', () => 3, false],
  ['half of the probes, by more than it adds', (nth: number) => (nth % 2 === 0 ? 900 : 3), false],
])('of a toxicity of 0.5, slowing down %s: %s', async (_, tookMs, isEffect) => {
  let count = 0;
  // Three before the fault.
  const probe = async () => ({ sentMs: 0, ttfbMs: ++count <= 3 ? 3 : tookMs(count) });
  const stack = { proxyApiUrl: 'http://127.0.0.1:1', probe } as unknown as RunningStack;
  const parameters = fault.parameters.parse({ latencyMs: 100, jitterMs: 10, toxicity: 0.5 });
  const found = fault.create(parameters as never, LINK as never, { stack, clock: systemClock, forMs: 1000 });
  await found.inject(AbortSignal.timeout(1000));
  if (!isEffect) return expect(effect(found)).rejects.toThrow();
  const { evidence } = await effect(found);
  expect(evidence).toBe('10 of 20 probes across client→target took 90 ms or more, 3 ms before');
  await expect(found.verifyHealed(AbortSignal.timeout(120))).rejects.toThrow();
});
