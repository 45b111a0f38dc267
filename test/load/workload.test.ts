import { describe, expect, it } from 'vitest';
import type { ChatWorkload } from '../../harness/plan.ts';
import { conversationOf, promptOf, turnsOf } from '../../load/request/prompt.ts';

const BASE: ChatWorkload = { name: 'w', model: 'm', promptTokens: [20, 60], outputTokens: [5, 9] };
const N = 4000;
const promptsOf = (changes: Partial<ChatWorkload>, seed = 1) =>
  Array.from({ length: N }, (_, index) => promptOf({ ...BASE, ...changes }, seed, index));

/** Four standard deviations of a binomial ratio over N. */
const margin = (ratio: number) => 4 * Math.sqrt((ratio * (1 - ratio)) / N);

describe('duplicates', () => {
  it.each([0.05, 0.3, 0.9])('are the ratio that was asked for, within binomial bounds: %f', ratio => {
    const texts = promptsOf({ duplicates: { ratio, distinct: 5 } }).map(prompt => JSON.stringify(prompt));
    const counts = Map.groupBy(texts, text => text);
    const repeated = [...counts.values()].filter(group => group.length > 1);
    expect(repeated).toHaveLength(5);
    const found = repeated.reduce((sum, group) => sum + group.length, 0) / N;
    expect(Math.abs(found - ratio)).toBeLessThan(margin(ratio));
    // Each of the five about equally often.
    for (const group of repeated) expect(group.length / (found * N)).toBeCloseTo(0.2, 0);
  });

  it('are none where none are asked for', () => {
    expect(new Set(promptsOf({}).map(({ text }) => text)).size).toBe(N);
  });
});

describe('shared prefixes', () => {
  it.each([
    [0.4, 1],
    [1, 8],
  ])('begin the ratio that was asked for (%f, %i variants), and end unlike each other', (ratio, variants) => {
    const prompts = promptsOf({ promptTokens: [40, 60], sharedPrefix: { ratio, tokens: 30, variants } });
    const beginnings = Map.groupBy(prompts, ({ text }) => text.slice(0, 120));
    const shared = [...beginnings.values()].filter(group => group.length > 1);
    expect(shared).toHaveLength(variants);
    const found = shared.reduce((sum, group) => sum + group.length, 0) / N;
    expect(Math.abs(found - ratio)).toBeLessThanOrEqual(margin(ratio));
    expect(new Set(prompts.map(({ text }) => text)).size).toBe(N);
    for (const { text, promptTokens } of prompts) expect(text.length).toBe(4 * promptTokens);
  });

  it('are none where none are asked for', () => {
    expect(new Set(promptsOf({ promptTokens: [40, 60] }).map(({ text }) => text.slice(0, 120))).size).toBe(N);
  });

  it('are cut where a prompt is shorter', () => {
    const [one, other] = promptsOf({ promptTokens: [10, 20], sharedPrefix: { ratio: 1, tokens: 500, variants: 1 } });
    const length = Math.min(one!.text.length, other!.text.length);
    expect(one!.text.slice(0, length)).toBe(other!.text.slice(0, length));
  });
});

describe('lengths', () => {
  it('follow their distribution', () => {
    const fixed = promptsOf({ promptTokens: { kind: 'fixed', value: 33 } });
    expect(new Set(fixed.map(({ promptTokens }) => promptTokens))).toEqual(new Set([33]));
    const shape = { kind: 'lognormal', median: 100, sigma: 0.7, min: 1, max: 5000 } as const;
    const lognormal = promptsOf({ promptTokens: shape }).map(({ promptTokens }) => promptTokens);
    const median = lognormal.toSorted((a, b) => a - b)[N / 2]!;
    // 4,000 draws know a median to about 2 % of a stddev of the logarithm; 8 % is four times that.
    expect(Math.abs(Math.log(median / 100))).toBeLessThan(0.08 * 0.7);
    const lists = promptsOf({ outputTokens: { kind: 'empirical', values: [3, 3, 3, 90] } });
    const ratio = lists.filter(({ outputTokens }) => outputTokens === 90).length / N;
    expect(Math.abs(ratio - 0.25)).toBeLessThan(margin(0.25));
  });

  it('of a replayed row are its own', () => {
    const traced: ChatWorkload = { ...BASE, promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } };
    const prompt = promptOf(traced, 1, 5, { tokens: [77, 3] });
    expect(prompt).toMatchObject({ promptTokens: 77, outputTokens: 3 });
    expect(prompt.text).toHaveLength(4 * 77);
  });
});

describe('sessions', () => {
  const workload: ChatWorkload = {
    ...BASE,
    sessions: { turns: [2, 6], thinkTimeMs: [0, 0] },
    sharedPrefix: { ratio: 1, tokens: 8, variants: 1 },
  };

  it('have as many turns as were drawn, and the same for the same seed', () => {
    const turns = Array.from({ length: 500 }, (_, index) => turnsOf(workload, 3, index));
    expect(new Set(turns)).toEqual(new Set([2, 3, 4, 5, 6]));
    expect(turns).toEqual(Array.from({ length: 500 }, (_, index) => turnsOf(workload, 3, index)));
    expect(turnsOf(BASE, 3, 7)).toBe(1);
  });

  it('carry their history: each turn begins with all that was said before', () => {
    for (const session of [0, 9]) {
      let before = conversationOf(workload, 3, session, 0);
      expect(before.messages).toEqual([{ role: 'user', content: promptOf(workload, 3, session).text }]);
      for (let turn = 1; turn < 5; turn += 1) {
        const now = conversationOf(workload, 3, session, turn);
        expect(now.messages.slice(0, -2)).toEqual(before.messages);
        expect(now.messages.at(-2)).toMatchObject({ role: 'assistant' });
        expect(String(now.messages.at(-2)!.content)).toHaveLength(4 * before.outputTokens);
        const characters = now.messages.reduce((sum, { content }) => sum + String(content).length, 0);
        expect(now.promptTokens).toBe(characters / 4);
        before = now;
      }
      // Only the first question begins as all conversations do.
      const start = String(before.messages[0]!.content).slice(0, 32);
      expect(before.messages.slice(1).filter(({ content }) => String(content).startsWith(start))).toEqual([]);
    }
  });
});
