import type { Candidate } from './balancer.ts';

/** How far beyond the average a candidate may be loaded. */
export interface LoadBound {
  /** Multiple of the average, ≥ 1. */
  readonly maxLoad: number;
  /** Requests in flight that are always allowed, ≥ 1: with few of them the average says nothing. */
  readonly minLoad: number;
}

/**
 * Requests in flight up to which a candidate may be given another for a reason beside its load: fewer than the value returned. As in
 * consistent hashing with bounded loads (V. Mirrokni, M. Thorup and M. Zadimoghaddam, "Consistent Hashing with Bounded Loads",
 * arXiv:1608.01350, 2016), it is the average with the new request times 1 + ε, rounded up, so that at least one candidate is below it.
 */
export function loadBound(candidates: readonly Pick<Candidate, 'inFlight'>[], { maxLoad, minLoad }: LoadBound): number {
  let total = 1;
  for (const { inFlight } of candidates) total += inFlight;
  return Math.max(minLoad, Math.ceil((maxLoad * total) / candidates.length));
}
