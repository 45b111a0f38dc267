import type { Probe, RunningStack } from '../harness/contracts.ts';

/** Sends `count` probes one after another. @throws what {@link RunningStack.probe} throws, at the first that fails */
export async function probes(
  count: number,
  stack: RunningStack,
  ...probing: Parameters<RunningStack['probe']>
): Promise<Probe[]> {
  const results: Probe[] = [];
  while (results.length < count) results.push(await stack.probe(...probing));
  return results;
}

/** The middle value; of two middle ones the upper. `values` must not be empty. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
