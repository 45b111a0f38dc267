import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { profiles, type StepCost, stepWatts } from '../../../stack/inference/engine/profiles.ts';
import { closedLoop } from './closed-loop.ts';

/*
 * Published rows: Qwen3-8B FP8, one H100-80GB, vLLM 0.30.0, closed loop (tgarg01/silybench-data, CC BY 4.0).
 * The engine runs them in virtual time with that server's limits (max_num_seqs 1024, 8,192 tokens a step). The
 * tests assert the documented figures for concurrency 1 to 256. At concurrency 512 the ITL comes out 12 to 16 % too low: not asserted.
 */
const rows = [
  // prompt, output, concurrency, TTFT p95 ms, ITL median ms, output tokens/s, watts
  [128, 128, 1, 14.5, 4.62, 213, 387],
  [128, 128, 4, 24.6, 4.72, 797, 382],
  [128, 128, 16, 56.1, 4.86, 3088, 397],
  [128, 128, 32, 85.1, 5.31, 5413, 478],
  [128, 128, 64, 155, 5.92, 9170, 500],
  [128, 128, 128, 331, 7.55, 13_377, 558],
  [128, 128, 256, 732, 10.9, 15_704, 636],
  [1024, 128, 1, 29.3, 4.7, 205, 398],
  [1024, 128, 16, 207, 5.62, 2393, 459],
  [1024, 128, 64, 979, 8.64, 3701, 634],
  [1024, 128, 128, 1849, 12.9, 4264, 664],
  [1024, 128, 256, 3731, 21.6, 4561, 683],
  [2048, 2048, 1, 50.3, 4.8, 208, 403],
  [2048, 2048, 4, 161, 5.32, 716, 433],
  [2048, 2048, 16, 555, 7.22, 2136, 494],
  [2048, 2048, 32, 997, 9.81, 3086, 573],
  [2048, 2048, 64, 1842, 14.8, 4033, 662],
  [2048, 2048, 128, 4231, 24.6, 4428, 657],
  [2048, 2048, 256, 67_187, 28.3, 4310, 663],
] as const;

/** Figures quoted from docs/parts.md. */
const [, itlPercent = 0, powerPercent = 0, ttftFactor = 0, worstTtftFactor = 0] = (
  /inter-token latency within ([\d.]+) % and power within ([\d.]+) % .*? within a factor of ([\d.]+) but for one row \(([\d.]+)\)/.exec(
    readFileSync(new URL('../../../docs/parts.md', import.meta.url), 'utf8').replaceAll(/\s+/g, ' '),
  ) ?? []
).map(Number);

const profile = profiles['qwen3-8b-fp8-h100'];
const limits = {
  maxBatch: 1024,
  maxBatchedTokens: 8192,
  maxModelLen: profile.maxModelLen,
  kvBlockTokens: 16,
  kvCapacityTokens: profile.kvCapacityTokens,
};

/** Deviation from the published value, in percent of it. */
const percentOff = (measured: number, published: number) => Math.abs(measured / published - 1) * 100;
/** Deviation from the published value, as a factor ≥ 1. */
const factor = (measured: number, published: number) => Math.max(measured / published, published / measured);

function compare(cost: StepCost) {
  return rows.map(([promptTokens, maxTokens, concurrency, ttftMs, itlMs, tokensPerSecond, watts]) => {
    const rounds = maxTokens > 1000 ? 2 : 4;
    const result = closedLoop({ ...limits, cost }, { promptTokens, maxTokens, concurrency, rounds });
    return {
      row: `${promptTokens}/${maxTokens} ×${concurrency}`,
      itl: percentOff(result.itlP50Ms, itlMs),
      power: percentOff(stepWatts(profile, result.itlP50Ms), watts),
      ttft: factor(result.ttftP95Ms, ttftMs),
      throughput: factor(result.tokensPerSecond, tokensPerSecond),
      preemptions: result.preemptions,
    };
  });
}

const calibrated = compare(profile.step);

test.each(calibrated)(
  'matches the published measurements at $row within the documented figures',
  ({ row, itl, power, ttft, throughput }) => {
    const isOdd = row === '1024/128 ×16';
    expect(itl).toBeLessThan(itlPercent);
    expect(power).toBeLessThan(powerPercent);
    // Stated with two decimals.
    expect(ttft).toBeLessThan((isOdd ? worstTtftFactor : ttftFactor) + 0.005);
    expect(throughput).toBeLessThan(isOdd ? 1.28 : 1.2);
  },
);

describe('the comparison', () => {
  test('rejects another precision', () => {
    // BF16 streams twice the weight bytes: a step of 6.8 ms instead of 4.6 cannot pass for FP8.
    const wrong = compare(profiles['qwen3-8b-bf16-h100'].step);
    expect(wrong.filter(({ itl }) => itl >= itlPercent).length).toBeGreaterThan(rows.length / 2);
  });

  test('rejects a free prefill', () => {
    const wrong = compare({ ...profile.step, perPrefillTokenMs: 0 });
    expect(wrong.filter(({ ttft }) => ttft >= worstTtftFactor + 0.005).length).toBeGreaterThan(rows.length / 2);
  });
});

test('preempts only where the published workload exceeds the KV cache', () => {
  // 2,048 + 2,048 tokens × 128 = 524,288 > 430,272; × 64 = 262,144 fits.
  const preempting = calibrated.filter(({ preemptions }) => preemptions > 0).map(({ row }) => row);
  expect(preempting).toEqual(['2048/2048 ×128', '2048/2048 ×256']);
});
