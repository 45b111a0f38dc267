import type { Random } from '../../../harness/random.ts';

/** Upstream as seen by a balancer. */
interface Candidate {
  /** Attempts in flight from this gateway. */
  readonly inFlight: number;
  /** Position among all upstreams; candidates are sorted by it. */
  readonly order: number;
}

/** Chooses one of `candidates`, which is never empty, without keeping a reference to them. */
export type Balancer = <T extends Candidate>(candidates: readonly T[]) => T;

/** Balancer of the configured kind. */
export function createBalancer(kind: 'least-connections' | 'round-robin', random: Random): Balancer {
  return kind === 'round-robin' ? roundRobin() : leastConnections(random);
}

/**
 * Balancer that picks the candidate with the fewest attempts in flight, at random among ties, so that gateways do not synchronize.
 *
 * An upstream that fails at once has nothing in flight and attracts all traffic (a black hole). `UpstreamSet` keeps such an upstream
 * from the candidates; until then, retries go elsewhere.
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
 * Balancer that picks candidates in turn: the next one in `order` after the last pick, or the first. Order instead of a counter
 * keeps the distribution even while candidates come and go, such as when a retry excludes the one that just failed.
 */
export function roundRobin(): Balancer {
  let last = Number.NEGATIVE_INFINITY;
  return candidates => {
    const next = candidates.find(candidate => candidate.order > last) ?? candidates[0]!;
    last = next.order;
    return next;
  };
}
