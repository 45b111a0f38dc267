import type { RunFacts } from '../check.ts';
import { ValueCollector } from '../samples.ts';

/** Blocks of time of a run, contiguous; those of one phase are drawn for each other. */
export interface Blocks {
  /** Where each begins, ascending, in ms from the start of the load, and where the last ends. */
  readonly edgesMs: readonly number[];
  /** Numbers of the first blocks of the phases, and the number of all. */
  readonly phases: readonly number[];
}

/** Blocks that a whole load is cut into, the first of these whose neighbours are nearly independent. */
const BLOCKS = [40, 30, 20, 14, 10];
/** Correlation of neighbours up to which they are. */
const MAX_CORRELATION = 0.2;
/** Fewest blocks of a phase, so that each can vary. */
const MIN_BLOCKS = 4;
/** A block is at least as many median latencies long, since neighbours share a queue. */
const LATENCIES = 2;
/** Shorter phases are part of the one before. */
const MIN_PHASE_RATIO = 0.02;

/**
 * Cuts the load of runs with the same plan into blocks. Requests of one block depend on each other, so whole blocks are drawn; blocks of a
 * fault and of its recovery are not alike, so each is drawn only from its own phase. They are as long as it takes for the mean latencies of
 * neighbours to be nearly independent in all of the runs (as batches are chosen in Law, Simulation Modeling and Analysis, §9.5.3).
 * @returns those of each run
 */
export function blocksOf(runs: readonly RunFacts[]): Blocks[] {
  // The same for all, so that runs of the same arrivals have the same blocks.
  const longestMs = Math.max(...runs.map(medianMs));
  let cut: Blocks[] = [];
  for (const count of BLOCKS) {
    cut = runs.map(run => cutInto(run, count, longestMs));
    if (runs.every((run, index) => correlationOf(run, cut[index]!) <= MAX_CORRELATION)) break;
  }
  return cut;
}

/** Correlation of the mean latencies of neighbouring blocks of one phase, in logarithms and less the mean of the phase. */
function correlationOf({ records }: RunFacts, blocks: Blocks): number {
  const sums = new Float64Array(blocks.phases.at(-1)!);
  const counts = new Float64Array(sums.length);
  records.forEach(({ scheduledMs, endMs }) => {
    if (scheduledMs < 0 || endMs <= scheduledMs) return;
    const block = blockAt(blocks, scheduledMs);
    sums[block]! += Math.log(endMs - scheduledMs);
    counts[block]! += 1;
  });
  let products = 0;
  let squares = 0;
  for (let phase = 0; phase + 1 < blocks.phases.length; phase += 1) {
    const [first, end] = [blocks.phases[phase]!, blocks.phases[phase + 1]!];
    const means = Array.from({ length: end - first }, (_, at) =>
      counts[first + at] ? sums[first + at]! / counts[first + at]! : 0,
    );
    const middle = means.reduce((sum, mean) => sum + mean, 0) / means.length;
    means.forEach((mean, at) => {
      squares += (mean - middle) ** 2;
      if (at > 0) products += (mean - middle) * (means[at - 1]! - middle);
    });
  }
  return squares === 0 ? 0 : products / squares;
}

function medianMs({ records }: RunFacts): number {
  const latencies = new ValueCollector();
  records.forEach(({ scheduledMs, endMs }) => {
    if (scheduledMs >= 0) latencies.add(endMs - scheduledMs);
  });
  return latencies.samples().at(0.5) ?? 0;
}

function cutInto({ windows }: RunFacts, blockCount: number, latencyMs: number): Blocks {
  const whole = windows.find(({ name }) => name === 'whole')!;
  const lengthMs = whole.toMs - whole.fromMs;
  const bounds = [...new Set(windows.flatMap(({ fromMs, toMs }) => [fromMs, toMs]))].sort((a, b) => a - b);
  const starts: number[] = [];
  for (const ms of bounds)
    if (
      whole.toMs - ms >= MIN_PHASE_RATIO * lengthMs &&
      (starts.length === 0 || ms - starts.at(-1)! >= MIN_PHASE_RATIO * lengthMs)
    )
      starts.push(ms);
  const longMs = Math.max(lengthMs / blockCount, LATENCIES * latencyMs);
  const edgesMs: number[] = [];
  const phases: number[] = [];
  starts.forEach((fromMs, index) => {
    const phaseMs = (starts[index + 1] ?? whole.toMs) - fromMs;
    const count = Math.max(MIN_BLOCKS, Math.floor(phaseMs / longMs));
    phases.push(edgesMs.length);
    for (let block = 0; block < count; block += 1) edgesMs.push(fromMs + (phaseMs * block) / count);
  });
  return { edgesMs: [...edgesMs, whole.toMs], phases: [...phases, edgesMs.length] };
}

/** Block that holds an instant; the nearest for one outside. */
export function blockAt({ edgesMs }: Blocks, ms: number): number {
  let low = 0;
  let high = edgesMs.length - 2;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (edgesMs[middle]! <= ms) low = middle;
    else high = middle - 1;
  }
  return low;
}
