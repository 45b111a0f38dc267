import { seriesOf } from './resolve.ts';
import type { SeriesRule } from './rule.ts';
import { evaluate, type ScrapedSource } from './samples.ts';
import type { Evaluated, Values } from './values.ts';

/** What {@link scrapedValues} evaluates. */
interface Scraped {
  readonly sources: readonly ScrapedSource[];
  /** Divides the windows of rules. */
  readonly timeScale: number;
  /** On the clock of the scrapes. */
  readonly nowMs: number;
}

/** Values of what was scraped of replicas and gateways, see {@link evaluate}. */
export function scrapedValues({ sources, timeScale, nowMs }: Scraped): Values {
  const valueFrom = (rule: SeriesRule, from: readonly ScrapedSource[]) =>
    evaluate(rule, from, rule.windowMs / timeScale, nowMs, rule.lookbackMs / timeScale);
  return {
    byReplica(rule) {
      const found = sources.map(source => [source.name, valueFrom(rule, [source])] as const);
      return new Map(found.filter((each): each is [string, Evaluated] => each[1] !== undefined));
    },
    whole: rule => valueFrom(rule, sources)?.value ?? rule.absent,
    isPartial(rule, isExpected) {
      const series = seriesOf(rule);
      const has = ({ scrapes }: ScrapedSource) =>
        scrapes.some(({ samples }) => samples?.some(({ name }) => name === series));
      const services = new Set(sources.filter(has).map(({ service }) => service));
      const lacks = ({ scrapes }: ScrapedSource) => scrapes.at(-1)?.samples === undefined;
      return sources.some(
        source => services.has(source.service) && isExpected(source.name, source.service) && lacks(source),
      );
    },
  };
}
