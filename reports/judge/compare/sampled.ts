import { requestsIn } from '../../../harness/windows.ts';
import type { RunFacts } from '../check.ts';
import { nearestRank } from '../statistics.ts';
import { type Blocks, blockAt } from './blocks.ts';
import type { Indicator } from './indicators.ts';

/** Values of an indicator, ascending, each with its block. */
export interface Sampled {
  readonly values: Float64Array;
  readonly blocks: Int32Array;
  /** Number of values by block, from block 0 on. */
  readonly counts: Float64Array;
}

/** Runs of one side, whose blocks are numbered through. */
export interface Side {
  /** Numbers of the first blocks of each phase of each run, and the number of all. */
  readonly phases: readonly number[];
  /** Scheduled arrivals of all runs one after the other, in ms. */
  readonly arrivalsMs: Float64Array;
  /** By indicator, in their order; those of each run, and of all of them. */
  readonly ofRuns: readonly (readonly Sampled[])[];
  readonly pooled: readonly Sampled[];
}

/** Takes the values of the indicators from the runs of a side. @param cut their blocks */
export function sideOf(runs: readonly RunFacts[], cut: readonly Blocks[], indicators: readonly Indicator[]): Side {
  const phases: number[] = [];
  let first = 0;
  const ofRuns = runs.map((run, index) => {
    const blocks = cut[index]!;
    const sampled = indicators.map(indicator => sampledOf(run, indicator, blocks, first));
    phases.push(...blocks.phases.slice(0, -1).map(block => first + block));
    first += blocks.phases.at(-1)!;
    return sampled;
  });
  const arrivals: number[] = [];
  for (const { records } of runs)
    records.forEach(({ scheduledMs }) => {
      if (scheduledMs >= 0) arrivals.push(scheduledMs);
    });
  const arrivalsMs = Float64Array.from(arrivals);
  const pooled = indicators.map((_, index) => together(ofRuns.map(sampled => sampled[index]!)));
  return { phases: [...phases, first], arrivalsMs, ofRuns, pooled };
}

function sampledOf({ windows, records }: RunFacts, indicator: Indicator, blocks: Blocks, first: number): Sampled {
  const window = windows.find(({ name }) => name === indicator.window);
  const found: { readonly value: number; readonly block: number }[] = [];
  const requests = window ? requestsIn(window, records) : [];
  requests.forEach(request => {
    if (indicator.class !== undefined && request.class !== indicator.class) return;
    const value = indicator.value(request);
    if (value !== null) found.push({ value, block: first + blockAt(blocks, request.scheduledMs) });
  });
  return ordered(found);
}

function together(sampled: readonly Sampled[]): Sampled {
  if (sampled.length === 1) return sampled[0]!;
  return ordered(
    sampled.flatMap(({ values, blocks }) => [...values].map((value, index) => ({ value, block: blocks[index]! }))),
  );
}

function ordered(found: readonly { readonly value: number; readonly block: number }[]): Sampled {
  const sorted = found.toSorted((a, b) => (a.value === b.value ? a.block - b.block : a.value < b.value ? -1 : 1));
  const counts = new Float64Array(sorted.reduce((most, { block }) => Math.max(most, block + 1), 0));
  for (const { block } of sorted) counts[block]! += 1;
  return {
    values: Float64Array.from(sorted, ({ value }) => value),
    blocks: Int32Array.from(sorted, ({ block }) => block),
    counts,
  };
}

/**
 * Figure of an indicator: its quantile by nearest rank, or the share of ones (0–1). Null without values.
 * @param weights of the blocks. @default 1 each
 */
export function figureOf({ values, blocks, counts }: Sampled, q: number | null, weights?: Float64Array): number | null {
  if (!weights && q !== null) return values[nearestRank(values.length, q) - 1] ?? null;
  let total = weights ? 0 : values.length;
  if (weights) for (let block = 0; block < counts.length; block += 1) total += counts[block]! * weights[block]!;
  if (total === 0) return null;
  if (q === null) {
    let sum = 0;
    // Zeros come first.
    for (let index = values.length - 1; index >= 0 && values[index]! > 0; index -= 1)
      sum += weights?.[blocks[index]!] ?? 1;
    return sum / total;
  }
  // From the end that is nearer.
  if (q > 0.5) {
    let above = total * (1 - q) * (1 + 1e-9);
    let index = values.length - 1;
    for (; index > 0; index -= 1) {
      above -= weights![blocks[index]!]!;
      if (above < 0) break;
    }
    return values[index]!;
  }
  let left = total * q * (1 - 1e-9);
  let index = 0;
  for (; index < values.length - 1; index += 1) {
    left -= weights![blocks[index]!]!;
    if (left <= 0) break;
  }
  return values[index]!;
}

/**
 * Number of blocks that a figure rests on, (Σn)²/Σn² over the blocks (Kish, Survey Sampling, §11.7): of a quantile by their values beyond it, of a
 * share by its ones. A P99 whose slowest requests all came in two stalls rests on two, however many requests there are.
 */
export function supportOf({ values, blocks }: Sampled, q: number | null): number {
  const threshold = q === null ? 1 : values[nearestRank(values.length, q) - 1]!;
  const counts = new Map<number, number>();
  for (let index = values.length - 1; index >= 0 && values[index]! >= threshold; index -= 1)
    counts.set(blocks[index]!, (counts.get(blocks[index]!) ?? 0) + 1);
  let sum = 0;
  let squares = 0;
  for (const count of counts.values()) {
    sum += count;
    squares += count ** 2;
  }
  return squares === 0 ? 0 : sum ** 2 / squares;
}
