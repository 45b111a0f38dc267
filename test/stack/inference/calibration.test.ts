import { describe, expect, test } from 'vitest';
import { profiles, type StepCost, stepWatts } from '../../../stack/inference/engine/profiles.ts';
import { closedLoop } from './closed-loop.ts';

/*
 * Published rows: Qwen3-8B FP8, one H100-80GB, vLLM 0.30.0, closed loop (tgarg01/silybench-data, CC BY 4.0).
 * The engine runs them in virtual time with that server's limits (max_num_seqs 1024, 8,192 tokens a step). The fit as
 * measured, concurrency 1 to 256: ITL median within 4.3 %; TTFT p95 within a factor 1.24, one row (1024 in, 128 out,
 * concurrency 16) 1.43; throughput within 21 %. At concurrency 512 the ITL comes out 12 to 16 % too low: not asserted.
 */
const rows = [
  // prompt, output, concurrency, TTFT p95 ms, ITL median ms, output tokens/s
  [128, 128, 1, 14.5, 4.62, 213],
  [128, 128, 4, 24.6, 4.72, 797],
  [128, 128, 16, 56.1, 4.86, 3088],
  [128, 128, 32, 85.1, 5.31, 5413],
  [128, 128, 64, 155, 5.92, 9170],
  [128, 128, 128, 331, 7.55, 13_377],
  [128, 128, 256, 732, 10.9, 15_704],
  [1024, 128, 1, 29.3, 4.7, 205],
  [1024, 128, 16, 207, 5.62, 2393],
  [1024, 128, 64, 979, 8.64, 3701],
  [1024, 128, 128, 1849, 12.9, 4264],
  [1024, 128, 256, 3731, 21.6, 4561],
  [2048, 2048, 1, 50.3, 4.8, 208],
  [2048, 2048, 16, 555, 7.22, 2136],
  [2048, 2048, 64, 1842, 14.8, 4033],
  [2048, 2048, 128, 4231, 24.6, 4428],
  [2048, 2048, 256, 67_187, 28.3, 4310],
] as const;

const profile = profiles['qwen3-8b-fp8-h100'];
const limits = {
  maxBatch: 1024,
  maxBatchedTokens: 8192,
  maxModelLen: profile.maxModelLen,
  kvBlockTokens: 16,
  kvCapacityTokens: profile.kvCapacityTokens,
};

/** Deviation from the published value, as a factor ≥ 1. */
const factor = (measured: number, published: number) => Math.max(measured / published, published / measured);

function compare(cost: StepCost) {
  return rows.map(([promptTokens, maxTokens, concurrency, ttftMs, itlMs, tokensPerSecond]) => {
    const rounds = maxTokens > 1000 ? 2 : 4;
    const result = closedLoop({ ...limits, cost }, { promptTokens, maxTokens, concurrency, rounds });
    return {
      row: `${promptTokens}/${maxTokens} ×${concurrency}`,
      itl: factor(result.itlP50Ms, itlMs),
      ttft: factor(result.ttftP95Ms, ttftMs),
      throughput: factor(result.tokensPerSecond, tokensPerSecond),
      preemptions: result.preemptions,
    };
  });
}

const calibrated = compare(profile.step);

test.each(calibrated)('matches the published measurements at $row', ({ row, itl, ttft, throughput }) => {
  expect(itl).toBeLessThan(1.05);
  expect(ttft).toBeLessThan(row === '1024/128 ×16' ? 1.45 : 1.25);
  expect(throughput).toBeLessThan(row === '1024/128 ×16' ? 1.28 : 1.2);
});

describe('the comparison', () => {
  test('rejects another precision', () => {
    // BF16 streams twice the weight bytes: a step of 6.8 ms instead of 4.6 cannot pass for FP8.
    const wrong = compare(profiles['qwen3-8b-bf16-h100'].step);
    expect(wrong.filter(({ itl }) => itl >= 1.05).length).toBeGreaterThan(rows.length / 2);
  });

  test('rejects a free prefill', () => {
    const wrong = compare({ ...profile.step, perPrefillTokenMs: 0 });
    expect(wrong.filter(({ ttft }) => ttft >= 1.45).length).toBeGreaterThan(rows.length / 2);
  });
});

test('preempts only where the published workload exceeds the KV cache', () => {
  // 2,048 + 2,048 tokens × 128 = 524,288 > 430,272; × 64 = 262,144 fits.
  const preempting = calibrated.filter(({ preemptions }) => preemptions > 0).map(({ row }) => row);
  expect(preempting).toEqual(['2048/2048 ×128', '2048/2048 ×256']);
});

test.each([
  // step (ITL median) ms, watts
  [4.62, 387],
  [5.31, 478],
  [7.22, 494],
  [7.55, 558],
  [8.64, 634],
  [10.9, 636],
  [14.8, 662],
  [24.6, 657],
])('draws the published power at a step of %d ms: %d W within 12 %', (durationMs, watts) => {
  expect(factor(stepWatts(profile, durationMs), watts)).toBeLessThan(1.12);
});
