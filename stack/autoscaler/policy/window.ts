/** A value, and when it was so. */
export interface Timed {
  readonly atMs: number;
  readonly value: number;
}

/** Those of the last `windowMs` with one more. */
export function withValue(values: readonly Timed[] = [], value: number, nowMs: number, windowMs: number): Timed[] {
  return [...since(values, nowMs - windowMs), { atMs: nowMs, value }];
}

/** Mean of the values since then; NaN if there is none. */
export function meanSince(values: readonly Timed[], sinceMs: number): number {
  const found = since(values, sinceMs);
  return found.reduce((sum, { value }) => sum + value, 0) / found.length;
}

/** The highest value: a window of the way down keeps it. */
export function highest(values: readonly Timed[]): number {
  return values.reduce((max, { value }) => Math.max(max, value), Number.NEGATIVE_INFINITY);
}

/** Replicas for a load, of which each takes `target`. Rounding errors of sums ask for none. */
export function replicasFor(load: number, target: number): number {
  return Math.max(0, Math.ceil(load / target - 1e-9));
}

/** A number of replicas within the bounds. */
export function bounded(
  replicas: number,
  { minReplicas, maxReplicas }: { readonly minReplicas: number; readonly maxReplicas: number },
): number {
  return Math.max(minReplicas, Math.min(maxReplicas, replicas));
}

/** For reasons: three digits. */
export function short(value: number): number {
  return Number(value.toPrecision(3));
}

function since(values: readonly Timed[], sinceMs: number): readonly Timed[] {
  return values.filter(({ atMs }) => atMs > sinceMs);
}
