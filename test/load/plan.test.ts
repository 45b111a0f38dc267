import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestArrivals } from '../../harness/arrivals/arrivals.ts';
import { sinusoidRamps } from '../../harness/arrivals/sinusoid.ts';
import { WHOLE } from '../../harness/segment.ts';
import { promptOf } from '../../load/request/prompt.ts';
import { scheduleOf } from '../../load/schedule.ts';
import { workloads } from '../../scenarios/load/workloads.ts';

const THIRD = { first: 1, step: 3 };
const ramps = [
  { name: 'warm-up', fromMs: -1000, toMs: 0, fromPerSecond: 20, toPerSecond: 20 },
  { name: 'ramp', fromMs: 0, toMs: 4000, fromPerSecond: 20, toPerSecond: 60 },
];

describe('the schedule', () => {
  it('is the same for the same seed and another for another', () => {
    const plan = { ramps, arrivals: 'poisson' } as const;
    expect([...scheduleOf(plan, 42)]).toEqual([...scheduleOf(plan, 42)]);
    expect([...scheduleOf(plan, 42)]).not.toEqual([...scheduleOf(plan, 43)]);
  });

  it.each([
    ['constant', WHOLE, 24_030, 'b35b02f859e89a107ef82fe9e8116255a1cf94fadbe2ec35c5de57ab2339a37b'],
    ['constant', THIRD, 8010, '93f7a454d5679aa59630ac9c71e5eb25c3dee7862e87d2993416fc2ffe16ee31'],
    ['poisson', WHOLE, 24_045, '4837072fc0c726b8bc12583b85851f88cd30b6dc2f77f82e0a2b69aa439f1a71'],
    ['poisson', THIRD, 8015, 'ee55ac5314aaf07b074711a41a4632302b78bf231e2d7da89eca3a33d693ea65'],
    [{ kind: 'gamma', cv: 2 }, WHOLE, 23_575, 'd1e7bb0c050e4f3f5e6a53555beb12bf6a84795c0654ca5efb7878c329fa9a36'],
    [{ kind: 'gamma', cv: 2 }, THIRD, 7858, 'b47e4b6103c9ee3ccd756045dc75676a9ac31ba7091524ef1c52fc8fa57c6247'],
  ] as const)('is what it always was, bit by bit: %j, partition %j', (arrivals, partition, count, sha256) => {
    const day = { meanPerSecond: 150, amplitudePerSecond: 100, periodMs: 60_000, phase: 0 };
    const ramps = [
      { name: 'warm-up', fromMs: -3000, toMs: 0, fromPerSecond: 10, toPerSecond: 10 },
      { name: '1', fromMs: 0, toMs: 60_000, fromPerSecond: 0, toPerSecond: 200 },
      ...sinusoidRamps('day', 60_000, 120_000, day),
    ];
    expect(digestArrivals(scheduleOf({ ramps, arrivals }, 42, partition))).toEqual({ count, sha256 });
  });

  it('warms up evenly, however bursty the load is: every warm-up has requests', () => {
    const arrivals = { kind: 'gamma', cv: 10 } as const;
    for (let seed = 0; seed < 50; seed += 1) {
      const times = [...scheduleOf({ ramps, arrivals }, seed)];
      expect(times.filter(ms => ms < 0)).toEqual(Array.from({ length: 20 }, (_, i) => 50 * i - 1000));
    }
  });

  it('is lazy', () => {
    const day = [{ name: 'day', fromMs: 0, toMs: 86_400_000, fromPerSecond: 1e6, toPerSecond: 1e6 }];
    expect(scheduleOf({ ramps: day, arrivals: 'constant' }, 1).next().value).toBe(0);
  });
});

describe('the prompts', () => {
  const indexes = [...Array(300).keys()];

  it('are the same for the same seed, in any order, and others for another', () => {
    const prompts = indexes.map(index => promptOf(workloads['chat-short'], 42, index));
    const backwards = indexes.toReversed().map(index => promptOf(workloads['chat-short'], 42, index));
    expect(backwards.toReversed()).toEqual(prompts);
    expect(indexes.map(index => promptOf(workloads['chat-short'], 43, index))).not.toEqual(prompts);
    expect(new Set(prompts.map(({ text }) => text)).size).toBe(300);
  });

  it('of the presets are what they always were: a stored run can be asked again', () => {
    const hash = createHash('sha256');
    for (const workload of Object.values(workloads))
      for (let index = 0; index < 200; index += 1) hash.update(JSON.stringify(promptOf(workload, 42, index)));
    expect(hash.digest('hex')).toMatch(/^20f3844d59746e23/);
  });

  it.each(Object.values(workloads))('of $name keep its bounds, at 4 ASCII characters a token', workload => {
    const prompts = indexes.map(index => promptOf(workload, 1, index));
    for (const { text, promptTokens, outputTokens } of prompts) {
      expect(Math.ceil(text.length / 4)).toBe(promptTokens);
      expect(Buffer.byteLength(text)).toBe(4 * promptTokens);
      expect(promptTokens).toBeGreaterThanOrEqual(workload.promptTokens[0]);
      expect(promptTokens).toBeLessThanOrEqual(workload.promptTokens[1]);
      expect(outputTokens).toBeGreaterThanOrEqual(workload.outputTokens[0]);
      expect(outputTokens).toBeLessThanOrEqual(workload.outputTokens[1]);
    }
    // Uniform over the bounds: 300 draws come within a tenth of both ends but for a chance of 2 · 0.9³⁰⁰.
    const [low, high] = workload.promptTokens;
    expect(Math.min(...prompts.map(p => p.promptTokens))).toBeLessThan(low + (high - low) / 10);
    expect(Math.max(...prompts.map(p => p.promptTokens))).toBeGreaterThan(high - (high - low) / 10);
  });
});
