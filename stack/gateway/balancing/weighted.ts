import type { Candidate } from './balancer.ts';

/** Weight of an upstream by a configuration. */
export function configuredWeight(weights: Readonly<Record<string, number>>, { name }: Pick<Candidate, 'name'>): number {
  return Object.hasOwn(weights, name) ? weights[name]! : 1;
}

/** Changes the weight of an upstream, until it is removed. Its credit stays, so that no other gains or owes anything. @param weight ≥ 1 */
export function setWeight(candidate: Candidate, weight: number): void {
  candidate.turn = { weight, credit: candidate.turn?.credit ?? 0 };
}

/**
 * Smooth weighted round robin, as nginx has it (`ngx_http_upstream_get_peer` in `ngx_http_upstream_round_robin.c`, since 1.3.1): at each
 * turn every candidate earns its weight, and the richest one serves and pays the sum of all weights. In W picks, W being that sum, each
 * serves as often as its weight says, wherever one begins to count, and not in bursts:
 *
 * ```
 *  weights 5 1 1      a a b a c a a      not      a a a a a b c
 * ```
 *
 * Credit stays with an upstream that is not among the candidates, so that it neither owes nor gains anything when it is back.
 * @param weights by name, ≥ 1. @default 1 for each
 */
export function weighted(
  weights: Readonly<Record<string, number>>,
): <T extends Candidate>(candidates: readonly T[]) => T {
  return candidates => {
    let best = candidates[0]!;
    let bestCredit = Number.NEGATIVE_INFINITY;
    let total = 0;
    for (const candidate of candidates) {
      candidate.turn ??= { weight: configuredWeight(weights, candidate), credit: 0 };
      const { turn } = candidate;
      turn.credit += turn.weight;
      total += turn.weight;
      if (turn.credit <= bestCredit) continue;
      best = candidate;
      bestCredit = turn.credit;
    }
    best.turn!.credit -= total;
    return best;
  };
}
