import { hashText } from '../../../../stack/block-hash.ts';
import type { Candidate } from '../../../../stack/gateway/balancing/balancer.ts';
import type { Exchange } from '../../../../stack/gateway/http/exchange.ts';

/** A candidate whose load a test may change. */
export type Replica = { -readonly [K in keyof Candidate]: Candidate[K] };

/** Candidates `a1`, `a2`, … with these attempts in flight. */
export function replicas(...inFlight: number[]): Replica[] {
  return inFlight.map((running, order) => ({
    name: `a${order + 1}`,
    order,
    hash: hashText(`a${order + 1}`),
    inFlight: running,
    turn: undefined,
    report: undefined,
  }));
}

/** A chat request as far as balancers look at it. */
export function chat(body: object = {}, headers: Readonly<Record<string, string>> = {}): Exchange {
  const text = Buffer.from(JSON.stringify(body));
  return { route: '/v1/chat/completions', body: text, request: { headers } } as unknown as Exchange;
}

/** Number of occurrences by value. */
export function counted<T>(values: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
