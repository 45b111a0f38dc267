import { mix32 } from '../../block-hash.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Balancer, Candidate, OnPick } from './balancer.ts';
import { type LoadBound, loadBound } from './load-bound.ts';

interface HashOptions extends LoadBound {
  /** Hash of what requests are told apart by; undefined for a request without it. */
  readonly keyOf: (exchange: Exchange) => number | undefined;
  /** Chooses for requests without a key. */
  readonly fallback: Balancer;
  /** Called with `preferred`, `full` or `no-key`. */
  readonly onPick: OnPick;
}

/**
 * Sends each key to the same upstream as long as that is not overloaded. Every key has an order of its own among the upstreams, by a hash of
 * both (rendezvous hashing: D. Thaler and C. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
 * Networking 6(1), 1998): it goes to the first below the {@link loadBound}. An upstream that leaves gives its own keys away, 1/n of all, and no
 * other moves but for the bound; all gateways choose alike. There is no ring to keep, and a pick costs a few steps for each upstream.
 */
export function hashed({ keyOf, fallback, onPick, ...limits }: HashOptions): Balancer {
  return (candidates, exchange, nowMs) => {
    const key = keyOf(exchange);
    if (key === undefined) {
      onPick('no-key');
      return fallback(candidates, exchange, nowMs);
    }
    const { picked, isPreferred } = rendezvous(candidates, key, loadBound(candidates, limits));
    onPick(isPreferred ? 'preferred' : 'full');
    return picked;
  };
}

/** The first candidate in the order of `key` with fewer than `limit` in flight, or the first. @param key a 32-bit integer */
export function rendezvous<T extends Pick<Candidate, 'hash' | 'inFlight'>>(
  candidates: readonly T[],
  key: number,
  limit: number,
): { readonly picked: T; readonly isPreferred: boolean } {
  let [first, firstScore] = [candidates[0]!, -1];
  let picked: T | undefined;
  let pickedScore = -1;
  for (const candidate of candidates) {
    const score = mix32(key ^ candidate.hash);
    if (score > firstScore) [first, firstScore] = [candidate, score];
    if (score <= pickedScore || candidate.inFlight >= limit) continue;
    picked = candidate;
    pickedScore = score;
  }
  return { picked: picked ?? first, isPreferred: picked === undefined || picked === first };
}
