import type { Machine } from '../../harness/host/network.ts';
import type { AutoscalerConfig } from './config.ts';
import type { Decider } from './decider.ts';
import { seriesOf } from './measure/resolve.ts';
import { Scraper } from './measure/scraper.ts';
import type { ValuesReader } from './measure/values.ts';
import type { AutoscalerMetrics } from './metrics.ts';
import { PrometheusReader } from './prometheus/prometheus-reader.ts';

/** What reads the metrics that an autoscaler needs, from where its configuration says. */
export function readerOf(
  { prometheus, sources, scrapeMs, timeScale }: AutoscalerConfig,
  { needs }: Decider<unknown>,
  metrics: AutoscalerMetrics,
  machine: Machine,
  log: (line: object, message: string) => void,
): ValuesReader {
  const count = (source: string, isOk: boolean) => metrics.scrapes.inc({ source, result: isOk ? 'ok' : 'failed' });
  if (prometheus)
    return new PrometheusReader({
      ...{ needs, machine, timeScale, ...prometheus, login: prometheus.login },
      onRead: count,
      onProblem: (query, error) => log({ query, error }, 'metrics cannot be read'),
    });
  const windows = needs.map(({ rule }) => Math.max(rule.windowMs, rule.lookbackMs));
  return new Scraper({
    ...{ sources, machine, timeScale },
    series: new Set(needs.map(({ rule }) => seriesOf(rule))),
    keepMs: (Math.max(scrapeMs, ...windows) + scrapeMs) / timeScale,
    onScrape: count,
  });
}
