import { blockHashes } from '../../block-hash.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Balancer, Candidate, OnPick } from './balancer.ts';
import { type LoadBound, loadBound } from './load-bound.ts';
import { type Match, PrefixTable } from './prefix-table.ts';

interface PrefixOptions extends LoadBound {
  readonly blockBytes: number;
  readonly maxBlocks: number;
  readonly tableBlocks: number;
  /** Of the hashes, so that no client can know which prompts collide. */
  readonly seed: number;
  readonly fallback: Balancer;
  /** Called with `known`; with `full` if no upstream that knows the prompt may have more; with `unknown`. */
  readonly onPick: OnPick;
}

/** Where the prompt begins in the body of a request, by the last part of its route. What comes before may differ between turns. */
const PROMPTS: readonly (readonly [route: string, field: Buffer])[] = [
  ['/chat/completions', Buffer.from('"messages"')],
  ['/completions', Buffer.from('"prompt"')],
  ['/embeddings', Buffer.from('"input"')],
];

/**
 * Sends a prompt to the upstream that was sent most of its beginning before, and so has it in its prefix cache, as long as that is below the
 * {@link loadBound}; then to the one that was sent the next most, and otherwise to any, which has it from then on. Turns of a conversation so
 * stay together, and what many conversations begin with spreads with the load. Prompts are compared as bytes, in whole blocks.
 *
 * That a router can guess from the prompts alone, without hearing from the engines, is the finding of SGLang's router (approximate radix tree) and of the Gateway API
 * Inference Extension (hashes of blocks); both weigh it against load, each in its own way.
 */
export function prefixAware({ fallback, onPick, seed, ...options }: PrefixOptions): Balancer {
  const table = new PrefixTable(options.tableBlocks);
  const shape = { blockBytes: options.blockBytes, maxBlocks: options.maxBlocks, seed };
  return (candidates, exchange, nowMs) => {
    const hashes = blockHashes(exchange.body, { ...shape, from: promptStart(exchange) });
    const matches = table.match(hashes);
    const known = matches.length > 0 ? bestMatch(candidates, matches, loadBound(candidates, options)) : undefined;
    onPick(known ? 'known' : matches.length > 0 ? 'full' : 'unknown');
    const picked = known ?? fallback(candidates, exchange, nowMs);
    table.add(hashes, picked.order);
    return picked;
  };
}

function promptStart({ route, body }: Exchange): number {
  const field = PROMPTS.find(([end]) => route.endsWith(end))?.[1];
  return field ? Math.max(0, body.indexOf(field)) : 0;
}

/** The candidate with the longest match below `limit`, of equal ones that with the fewest attempts in flight. */
function bestMatch<T extends Candidate>(
  candidates: readonly T[],
  matches: readonly Match[],
  limit: number,
): T | undefined {
  let best: T | undefined;
  let bestBlocks = 0;
  for (const { owner, blocks } of matches) {
    if (blocks < bestBlocks) continue;
    const candidate = candidates.find(({ order }) => order === owner);
    if (!candidate || candidate.inFlight >= limit) continue;
    if (blocks > bestBlocks || candidate.inFlight < best!.inFlight) [best, bestBlocks] = [candidate, blocks];
  }
  return best;
}
