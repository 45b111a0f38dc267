import { stringify } from 'yaml';
import type { PrometheusOptions } from './options.ts';
import { alertRules, type RuleGroup, recordingRules, ruleTimes } from './rules.ts';

/** Scrape target of Prometheus. */
export interface ScrapeTarget {
  /** Label `replica`, for example `inference-2`. */
  readonly name: string;
  /** Label `job`, for example `inference`. */
  readonly service: string;
  /** `host:port` at which Prometheus reaches it. */
  readonly address: string;
  /** @default '/metrics' */
  readonly path?: string;
}

/** Configuration files by name, relative to one directory. */
export interface PrometheusFiles {
  readonly 'prometheus.yml': string;
  readonly 'recording.yml': string;
  readonly 'alerts.yml': string;
}

/**
 * Renders a Prometheus configuration that scrapes `targets`, with rules. Pure and deterministic. There is no Alertmanager; alerts are
 * read from Prometheus' API.
 *
 * @param timeScale divides the durations and windows of alerts
 */
export function renderPrometheus(
  options: PrometheusOptions,
  targets: readonly ScrapeTarget[],
  timeScale = 1,
): PrometheusFiles {
  const times = ruleTimes(options, timeScale);
  const interval = `${options.scrapeEveryMs}ms`;
  const services = [...new Set(targets.map(target => target.service))];
  const config = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: ['recording.yml', 'alerts.yml'],
    scrape_configs: services.map(service => ({
      job_name: service,
      static_configs: targets.filter(target => target.service === service).map(staticConfig),
    })),
  };
  return {
    'prometheus.yml': stringify(config),
    'recording.yml': rulesFile(recordingRules(times)),
    'alerts.yml': rulesFile(alertRules(options, times)),
  };
}

/** Directory and listen address of Prometheus. */
export interface PrometheusLocation {
  /** Directory with the files of {@link renderPrometheus}; data is stored in its subdirectory `data`. */
  readonly directory: string;
  /** `host:port`. */
  readonly listen: string;
}

/** Arguments of the `prometheus` program, whose probes are `/-/ready` and `/-/healthy`. */
export function prometheusArguments(options: PrometheusOptions, { directory, listen }: PrometheusLocation): string[] {
  return [
    `--config.file=${directory}/prometheus.yml`,
    `--storage.tsdb.path=${directory}/data`,
    `--storage.tsdb.retention.time=${options.retentionMs}ms`,
    `--web.listen-address=${listen}`,
    '--log.level=warn',
    '--log.format=json',
  ];
}

/** Static configuration of one target, with its path in the label `__metrics_path__`. */
function staticConfig({ name, address, path }: ScrapeTarget) {
  return { targets: [address], labels: { replica: name, ...(path ? { __metrics_path__: path } : {}) } };
}

function rulesFile(group: RuleGroup): string {
  return stringify({ groups: [group] });
}
