import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../harness/random.ts';
import { blockHashes } from '../../../stack/block-hash.ts';
import { Engine, type EngineOptions } from '../../../stack/inference/engine/engine.ts';
import { KvCache } from '../../../stack/inference/engine/kv-cache.ts';
import { profiles } from '../../../stack/inference/engine/profiles.ts';
import { countTokens, prefixBlocks } from '../../../stack/inference/engine/tokens.ts';

const BLOCK = 16;
const options: EngineOptions = {
  cost: profiles['qwen3-8b-fp8-h100'].step,
  maxBatch: 8,
  maxBatchedTokens: 64,
  maxModelLen: 512,
  kvBlockTokens: BLOCK,
  kvCapacityTokens: 1024,
};

/** The prompt of a conversation: what it shares with the others of its family, and the rest. */
function prompt(family: number, shared: number, length: number, own: string): string {
  const beginning = `${family} `.repeat(2 * length).slice(0, shared * 4);
  return (beginning + own.repeat(length)).slice(0, length * 4);
}

/** Runs one engine until all requests have ended; what it violated, and how often it found prompts. */
function drive(seed: number, kv: KvCache, cancelRatio: number) {
  const random = seededRandom(seed);
  const engine = new Engine(options, kv);
  const wanted = new Map<string, number>();
  const got = new Map<string, number>();
  const violations = new Set<string>();
  let [sent, nowMs, queries, hits, prefilled, preempted] = [0, 0, 0, 0, 0, 0];
  while (sent < 60 || engine.running + engine.waiting > 0) {
    if (sent < 60 && random.next() < 0.5) submit(random);
    if (random.next() < cancelRatio) {
      const id = random.pick([...wanted.keys(), 'unknown']);
      if (engine.cancel(id)) wanted.delete(id);
    }
    const step = engine.step(nowMs);
    nowMs += step?.durationMs ?? 1;
    if (engine.kv.usedBlocks > engine.kv.totalBlocks || engine.kv.usedBlocks < 0) violations.add('capacity');
    if (nowMs > 1e6) violations.add('progress');
    if (nowMs > 1e6) break;
    if (!step) continue;
    [queries, hits] = [queries + step.cacheQueries, hits + step.cacheHits];
    prefilled += step.prefillTokens;
    preempted += step.preempted.length;
    for (const { id, index } of step.tokens) {
      if (index !== (got.get(id) ?? 0)) violations.add('order');
      got.set(id, index + 1);
    }
  }
  engine.step(nowMs);
  if (engine.kv.usedBlocks !== 0) violations.add('leak');
  for (const [id, tokens] of wanted) if (got.get(id) !== tokens) violations.add('completion');
  return { violations: [...violations], queries, hits, prefilled, preempted };

  function submit(drawn: Random) {
    const id = `r${sent}`;
    sent += 1;
    const text = prompt(drawn.integer(1, 3), drawn.integer(0, 120), drawn.integer(1, 200), id);
    const maxTokens = drawn.integer(1, 120);
    const request = { id, promptTokens: countTokens(text), maxTokens, blocks: prefixBlocks(text, BLOCK) };
    if (engine.submit(request).kind === 'queued') wanted.set(id, maxTokens);
  }
}

const seeds = Array.from({ length: 60 }, (_, seed) => seed);
const cache = () => new KvCache(options.kvCapacityTokens, BLOCK);

test('blocks that are shared, preempted, cancelled and evicted leak nothing, and every request completes', () => {
  const runs = seeds.map(seed => drive(seed, cache(), 0.05));
  expect(runs.flatMap(run => run.violations)).toEqual([]);
  // Vacuous without hits, and without a cache that runs out.
  const [hits, queries] = [
    runs.reduce((sum, run) => sum + run.hits, 0),
    runs.reduce((sum, run) => sum + run.queries, 0),
  ];
  expect(hits / queries).toBeGreaterThan(0.05);
  expect(hits / queries).toBeLessThan(0.6);
  expect(runs.reduce((sum, run) => sum + run.preempted, 0)).toBeGreaterThan(60);
});

test('the same check catches a cache that keeps the blocks of a sequence that has ended', () => {
  class Leaky extends KvCache {
    override release(id: string): void {
      if (!id.endsWith('7')) super.release(id);
    }
  }
  const violations = seeds.flatMap(seed => drive(seed, new Leaky(options.kvCapacityTokens, BLOCK), 0.05).violations);
  expect(violations).toContain('leak');
});

test('the beginning that prompts have in common is computed once, and the last token of a prompt always', () => {
  const engine = new Engine({ ...options, maxBatchedTokens: 512 }, cache());
  const text = prompt(1, 64, 64, '');
  const request = { promptTokens: 64, maxTokens: 1, blocks: prefixBlocks(text, BLOCK) };
  const prefill = (id: string) => {
    engine.submit({ id, ...request });
    const { prefillTokens, cacheHits } = engine.step(0)!;
    return [prefillTokens, cacheHits];
  };
  expect(prefill('first')).toEqual([64, 0]);
  // Of its four full blocks the last has the token whose output is wanted.
  expect(prefill('same')).toEqual([16, 48]);
  expect(engine.kv.usedBlocks).toBe(4);
});

test('the blocks least recently used are evicted first, and of a prompt its end', () => {
  const kv = new KvCache(4 * BLOCK, BLOCK);
  const serve = (id: string, hashes: number[]) => {
    const cached = kv.adopt(id, hashes.length * BLOCK, hashes);
    kv.publish(id, hashes);
    kv.release(id);
    return cached;
  };
  expect(serve('a', [1, 2])).toBe(0);
  expect(serve('b', [3, 4])).toBe(0);
  expect(serve('a again', [1, 2])).toBe(2 * BLOCK);
  // Needs one block: that at the end of b.
  expect(serve('c', [5])).toBe(0);
  expect(serve('b again', [3, 4])).toBe(BLOCK);
});

test('blocks name what a prompt begins with', () => {
  const of = (...texts: string[]) =>
    prefixBlocks(
      texts.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content })),
      BLOCK,
    );
  const turn = 'x'.repeat(200);
  const [first, second] = [of(turn), of(turn, 'reply', 'more')];
  // 4 + 50 tokens are three full blocks.
  expect(first).toHaveLength(3);
  expect(second.slice(0, 3)).toEqual(first);
  expect(of(`y${turn.slice(1)}`)[0]).not.toBe(first[0]);
  // A difference in the first block is one in all that follow.
  expect(of(`y${turn.slice(1)}`, 'reply').filter(hash => first.includes(hash))).toEqual([]);
  expect(prefixBlocks([...Array(33).keys()], BLOCK)).toHaveLength(2);
});

test('hashes of blocks are spread over 32 bits', () => {
  const texts = Array.from({ length: 20_000 }, (_, index) => Buffer.from(`block ${index}`.padEnd(64)));
  const hashes = texts.flatMap(text => blockHashes(text, { blockBytes: 64 }));
  // Of 20,000 in 2^32, fewer than 0.05 collide on average.
  expect(new Set(hashes).size).toBeGreaterThanOrEqual(19_999);
  expect(Math.abs(hashes.filter(hash => hash >= 2 ** 31).length / 20_000 - 0.5)).toBeLessThan(0.02);
});
