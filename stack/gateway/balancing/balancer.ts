import type { Random } from '../../../harness/random.ts';
import type { Exchange } from '../http/exchange.ts';

/** What an upstream said of its load. */
export interface LoadReport {
  /** When it was requested, on the gateway's clock. */
  readonly atMs: number;
  /** Attempts of this gateway that were in flight then. */
  readonly inFlight: number;
  /** Requests that wait or run in its engines, from all gateways. */
  readonly requests: number | undefined;
  /** Ratio of its KV cache in use, 0–1. */
  readonly kvRatio: number | undefined;
}

/** Upstream as seen by a balancer. */
export interface Candidate {
  readonly name: string;
  /** Position among all upstreams, of which no two ever have the same; candidates are sorted by it. */
  readonly order: number;
  /** Hash of the name, an unsigned 32-bit integer. */
  readonly hash: number;
  /** Attempts in flight from this gateway. */
  readonly inFlight: number;
  /** What smooth weighted round robin knows of it; undefined at first. */
  turn: { readonly weight: number; credit: number } | undefined;
  /** What it has last said of itself; undefined where it is not read. */
  report: LoadReport | undefined;
}

/**
 * Chooses one of `candidates`, which is never empty, without keeping a reference to them.
 * @param exchange the request to send
 */
export type Balancer = <T extends Candidate>(candidates: readonly T[], exchange: Exchange, nowMs: number) => T;

/** Called with what decided each choice, one of a few words. */
export type OnPick = (reason: string) => void;

/**
 * Balancer that picks the candidate with the fewest attempts in flight, at random among ties, so that gateways do not synchronize.
 *
 * An upstream that fails at once has nothing in flight and attracts all traffic (a black hole). `UpstreamSet` keeps such an upstream
 * from the candidates; until then, retries go elsewhere.
 */
export function leastConnections(
  random: Random,
): <T extends Pick<Candidate, 'inFlight'>>(candidates: readonly T[]) => T {
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
export function roundRobin(): <T extends Pick<Candidate, 'order'>>(candidates: readonly T[]) => T {
  let last = Number.NEGATIVE_INFINITY;
  return candidates => {
    const next = candidates.find(candidate => candidate.order > last) ?? candidates[0]!;
    last = next.order;
    return next;
  };
}
