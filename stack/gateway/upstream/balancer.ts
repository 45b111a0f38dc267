import type { Random } from '../../../harness/random.ts';

/** What a balancer knows about an upstream. */
export interface Candidate {
  /** Attempts that are running on it now, from this gateway. */
  readonly inFlight: number;
  /** Its place among all upstreams; candidates come sorted by it. */
  readonly order: number;
}

/** Chooses one of `candidates`, which is never empty. Keeps no reference to them. */
export type Balancer = <T extends Candidate>(candidates: readonly T[]) => T;

/** A balancer by its configured name. */
export function createBalancer(kind: 'least-connections' | 'round-robin', random: Random): Balancer {
  return kind === 'round-robin' ? roundRobin() : leastConnections(random);
}

/**
 * The candidate with the fewest running attempts; ties go to a random one, so that several gateways do not march in step.
 *
 * An upstream that fails at once never has anything running and would attract everything (a black hole). This function
 * does not defend against that: outlier ejection takes such an upstream out, and retries go elsewhere meanwhile.
 */
export function leastConnections(random: Random): Balancer {
  return candidates => {
    const count = candidates.length;
    const start = Math.floor(random.next() * count);
    let best = candidates[start]!;
    for (let i = 1; i < count && best.inFlight > 0; i += 1) {
      const candidate = candidates[(start + i) % count]!;
      if (candidate.inFlight < best.inFlight) best = candidate;
    }
    return best;
  };
}

/**
 * Each in turn: whoever follows the last one chosen in `order`, or the first. Going by order and not by a counter keeps the
 * shares equal while candidates come and go, for example because a retry leaves out the one that just failed.
 */
export function roundRobin(): Balancer {
  let last = Number.NEGATIVE_INFINITY;
  return candidates => {
    const next = candidates.find(candidate => candidate.order > last) ?? candidates[0]!;
    last = next.order;
    return next;
  };
}
