import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { Engine, type EngineOptions } from '../../../stack/inference/engine/engine.ts';
import { KvCache } from '../../../stack/inference/engine/kv-cache.ts';
import { profiles } from '../../../stack/inference/engine/profiles.ts';

const options: EngineOptions = {
  cost: profiles['qwen3-8b-fp8-h100'].step,
  maxBatch: 8,
  maxBatchedTokens: 64,
  maxModelLen: 512,
  kvBlockTokens: 16,
  kvCapacityTokens: 1024,
};

/** Submits random requests, cancels some, and steps until idle. Returns violated invariants and the number of preemptions. */
function drive(seed: number, kv?: KvCache, cancelRatio = 0) {
  const random = seededRandom(seed);
  const engine = new Engine(options, kv);
  const wanted = new Map<string, number>();
  const got = new Map<string, number>();
  const violations = new Set<string>();
  const capacityBlocks = options.kvCapacityTokens / options.kvBlockTokens;
  let [nowMs, sent, preemptions, steps] = [0, 0, 0, 0];
  while (sent < 60 || engine.running + engine.waiting > 0) {
    if (sent < 60 && random.next() < 0.5) {
      const id = `r${sent}`;
      sent += 1;
      const request = { id, promptTokens: random.integer(1, 200), maxTokens: random.integer(1, 120) };
      if (engine.submit(request).kind === 'queued') wanted.set(id, request.maxTokens);
    }
    if (random.next() < cancelRatio) {
      const id = random.pick([...wanted.keys(), 'unknown']);
      if (engine.cancel(id)) wanted.delete(id);
    }
    const step = engine.step(nowMs);
    nowMs += step?.durationMs ?? 1;
    preemptions += step?.preempted.length ?? 0;
    if (engine.kv.usedBlocks > capacityBlocks) violations.add('KV capacity');
    if (engine.running > options.maxBatch) violations.add('batch size');
    if (step && step.prefillTokens + step.decodeTokens > options.maxBatchedTokens) violations.add('token budget');
    for (const { id, index, last } of step?.tokens ?? []) {
      if (index !== (got.get(id) ?? 0)) violations.add('token order');
      got.set(id, index + 1);
      if (wanted.has(id) && last !== (index + 1 === wanted.get(id))) violations.add('output length');
    }
    steps += 1;
    if (steps > 50_000) violations.add('progress');
    if (steps > 50_000) break;
  }
  engine.step(nowMs);
  if (engine.kv.usedBlocks !== 0) violations.add('KV leak');
  for (const [id, length] of wanted) if (got.get(id) !== length) violations.add('completion');
  return { violations: [...violations], preemptions };
}

describe('over random workloads', () => {
  const seeds = Array.from({ length: 60 }, (_, seed) => seed);

  test('no limit is exceeded, and every request completes, preempted or not', () => {
    const runs = seeds.map(seed => drive(seed));
    expect(runs.flatMap(run => run.violations)).toEqual([]);
    // The property would be vacuous if the cache never ran out.
    expect(runs.reduce((sum, run) => sum + run.preemptions, 0)).toBeGreaterThan(60);
  });

  test('cancellations at any time leak nothing and do not affect other requests', () => {
    expect(seeds.flatMap(seed => drive(seed, undefined, 0.1).violations)).toEqual([]);
  });

  test('the same check catches a cache that overallocates', () => {
    const violations = seeds.flatMap(seed => drive(seed, new KvCache(options.kvCapacityTokens * 2, 16)).violations);
    expect(violations).toContain('KV capacity');
  });

  test('the same check catches a cache that leaks blocks', () => {
    class Leaky extends KvCache {
      override release(id: string): void {
        if (id !== 'r0') super.release(id);
      }
    }
    expect(drive(1, new Leaky(options.kvCapacityTokens, 16)).violations).toContain('KV leak');
  });
});

describe('batching', () => {
  test('a request that arrives while others decode joins the next step', () => {
    const engine = new Engine(options);
    engine.submit({ id: 'a', promptTokens: 10, maxTokens: 5 });
    expect(engine.step(0)!.tokens).toEqual([{ id: 'a', index: 0, last: false }]);
    engine.submit({ id: 'b', promptTokens: 10, maxTokens: 5 });
    const step = engine.step(10)!;
    expect(step.tokens.map(token => token.id)).toEqual(['a', 'b']);
    expect(step).toMatchObject({ admitted: ['b'], decodeTokens: 1, prefillTokens: 10, sequences: 2 });
  });

  test('requests beyond the batch size wait in order of arrival', () => {
    const engine = new Engine({ ...options, maxBatch: 2 });
    for (const id of ['a', 'b', 'c', 'd']) engine.submit({ id, promptTokens: 1, maxTokens: id === 'b' ? 3 : 1 });
    expect(engine.step(0)!.admitted).toEqual(['a', 'b']);
    expect([engine.running, engine.waiting]).toEqual([2, 2]);
    expect(engine.step(1)!.admitted).toEqual(['c']);
    expect(engine.step(2)!.admitted).toEqual(['d']);
  });

  test('a step takes longer with more sequences, more KV and more prompt', () => {
    const durationMs = (sequences: number, promptTokens: number) => {
      const engine = new Engine({ ...options, maxBatchedTokens: 10_000 });
      for (let i = 0; i < sequences; i += 1) engine.submit({ id: String(i), promptTokens, maxTokens: 9 });
      return [engine.step(0)!.durationMs, engine.step(1)!.durationMs] as const;
    };
    const [onePrefill, oneDecode] = durationMs(1, 50);
    const [manyPrefill, manyDecode] = durationMs(8, 50);
    const [longPrefill, longDecode] = durationMs(8, 100);
    expect(onePrefill).toBeLessThan(manyPrefill);
    expect(manyPrefill).toBeLessThan(longPrefill);
    expect(oneDecode).toBeLessThan(manyDecode);
    expect(manyDecode).toBeLessThan(longDecode);
  });
});

describe('chunked prefill', () => {
  test('a long prompt is split by the token budget and never blocks a running decode', () => {
    const engine = new Engine(options);
    engine.submit({ id: 'short', promptTokens: 4, maxTokens: 20 });
    engine.step(0);
    engine.submit({ id: 'long', promptTokens: 400, maxTokens: 2 });
    const steps = Array.from({ length: 8 }, (_, i) => engine.step(i)!);
    // One of 64 tokens a step goes to the decode: 400 prompt tokens need ceil(400 / 63) = 7 steps.
    expect(steps.map(step => step.tokens.some(token => token.id === 'short'))).not.toContain(false);
    expect(steps.findIndex(step => step.tokens.some(token => token.id === 'long'))).toBe(6);
    expect(steps[0]).toMatchObject({ prefillTokens: 63, decodeTokens: 1 });
  });
});

describe('preemption', () => {
  test('preempts the latest arrival, which is recomputed first and still completes', () => {
    // 6 blocks of 16: both prompts take 3; the first to need a fourth preempts the later one.
    const engine = new Engine({ ...options, maxModelLen: 96, kvCapacityTokens: 96, maxBatchedTokens: 256 });
    engine.submit({ id: 'old', promptTokens: 48, maxTokens: 20 });
    engine.submit({ id: 'young', promptTokens: 48, maxTokens: 20 });
    engine.submit({ id: 'behind', promptTokens: 16, maxTokens: 1 });
    const steps = Array.from({ length: 45 }, (_, i) => engine.step(i)).filter(step => step !== undefined);
    expect(steps.flatMap(step => step.preempted)).toEqual(['young']);
    expect(steps.flatMap(step => step.admitted)).toEqual(['old', 'young', 'young', 'behind']);
    const young = steps.flatMap(step => step.tokens).filter(token => token.id === 'young');
    expect(young.map(token => token.index)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    // Recompute: its 48 prompt tokens twice, and the second time what it had generated as well.
    expect(steps.reduce((sum, step) => sum + step.prefillTokens, 0)).toBeGreaterThan(48 * 3 + 16);
    expect([engine.running, engine.waiting, engine.kv.usedBlocks]).toEqual([0, 0, 0]);
  });
});

describe('cancellation', () => {
  test.each(['prefilling', 'decoding', 'waiting', 'finished'])('frees slot and KV at once while %s', moment => {
    const engine = new Engine({ ...options, maxBatch: 1 });
    if (moment === 'waiting') engine.submit({ id: 'first', promptTokens: 10, maxTokens: 10 });
    engine.submit({
      id: 'x',
      promptTokens: moment === 'prefilling' ? 200 : 20,
      maxTokens: moment === 'finished' ? 1 : 9,
    });
    engine.step(0);
    if (moment === 'decoding') engine.step(1);
    const before = engine.kv.usedBlocks;
    expect(engine.cancel('x')).toBe(true);
    const others = moment === 'waiting' ? 1 : 0;
    expect([engine.running, engine.waiting]).toEqual([others, 0]);
    expect(engine.kv.usedBlocks).toBe(others ? before : 0);
    expect(engine.cancel('x')).toBe(false);
  });
});

test('rejects requests that could never fit and accepts those that just fit', () => {
  const engine = new Engine(options);
  expect(engine.submit({ id: 'a', promptTokens: 500, maxTokens: 13 })).toMatchObject({ kind: 'rejected' });
  expect(engine.submit({ id: 'b', promptTokens: 500, maxTokens: 12 })).toEqual({ kind: 'queued' });
  expect(engine.waiting).toBe(1);
});

test('does nothing when idle', () => {
  expect(new Engine(options).step(0)).toBeUndefined();
});
