import type { Evaluated, Need, Values } from '../measure/values.ts';
import { type QueryTimes, queryFor, servicesQuery } from './queries.ts';
import type { LastScrape, Reply } from './replies.ts';

/** One round of replies. */
export interface Replies {
  readonly byQuery: ReadonlyMap<string, Reply>;
  /** Undefined if they are unknown. */
  readonly scrapes: readonly LastScrape[] | undefined;
  /** When the newest of them was, on the clock of the machine; when the queries were sent if there is none. */
  readonly atMs: number;
}

/**
 * Values of the replies to queries, see {@link queryFor}. A query that failed has none, and neither has NaN or infinity, as the quantile of
 * nothing is; `absent` of a rule holds only where Prometheus says that there is no series.
 */
export function prometheusValues({ byQuery, scrapes, atMs }: Replies, times: QueryTimes): Values {
  const samplesOf = (query: string) => {
    const reply = byQuery.get(query);
    return reply?.kind === 'vector' ? reply.samples : undefined;
  };
  const samplesFor = (need: Need) => samplesOf(queryFor(need, times));
  return {
    byReplica(rule) {
      const samples = samplesFor({ rule, of: 'replicas' }) ?? [];
      const found = samples.flatMap(({ labels: { replica }, value }): [string, Evaluated][] =>
        replica !== undefined && Number.isFinite(value) ? [[replica, { value: value * rule.factor, atMs }]] : [],
      );
      return new Map(found);
    },
    whole(rule) {
      const samples = samplesFor({ rule, of: 'whole' });
      if (!samples) return undefined;
      const [first] = samples;
      if (!first) return rule.absent;
      return Number.isFinite(first.value) ? first.value * rule.factor : undefined;
    },
    isPartial(rule, isExpected) {
      const having = samplesOf(servicesQuery(rule, times));
      if (!having || !scrapes) return true;
      const services = new Set(having.map(({ labels: { job } }) => job));
      return scrapes.some(
        ({ replica, service, isUp }) => !isUp && services.has(service) && isExpected(replica, service),
      );
    },
  };
}
