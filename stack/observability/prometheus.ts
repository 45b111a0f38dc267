import { stringify } from 'yaml';
import type { PrometheusOptions } from './options.ts';
import { alertRules, type RuleGroup, recordingRules, ruleTimes } from './rules.ts';

/** One program that Prometheus asks for its metrics. */
export interface ScrapeTarget {
  /** For example `inference-2`; the label `replica`. */
  readonly name: string;
  /** For example `inference`; the label `job`. */
  readonly service: string;
  /** `host:port` as Prometheus reaches it. */
  readonly address: string;
  /** @default '/metrics' */
  readonly path?: string;
}

/** Files of a configuration by their names, relative to one directory. */
export interface PrometheusFiles {
  readonly 'prometheus.yml': string;
  readonly 'recording.yml': string;
  readonly 'alerts.yml': string;
}

/**
 * A Prometheus configuration that scrapes `targets` directly, with its rules. Pure: the same input gives the same bytes.
 * Prometheus scrapes itself too, if it is one of the targets. No Alertmanager: alerts are read from Prometheus' own API.
 *
 * @param timeScale divides how long alerts wait and the windows that they look over
 */
export function renderPrometheus(
  options: PrometheusOptions,
  targets: readonly ScrapeTarget[],
  timeScale = 1,
): PrometheusFiles {
  const times = ruleTimes(options, timeScale);
  const every = `${options.scrapeEveryMs}ms`;
  const services = [...new Set(targets.map(target => target.service))];
  const config = {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
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

/** Where one Prometheus keeps its things and listens. */
export interface PrometheusPlace {
  /** Holds the files of {@link renderPrometheus}; its data goes to `data` below. */
  readonly directory: string;
  /** `host:port`. */
  readonly listen: string;
}

/** The arguments of the `prometheus` program. It answers `/-/ready` once it serves and `/-/healthy` while it lives. */
export function prometheusArguments(options: PrometheusOptions, { directory, listen }: PrometheusPlace): string[] {
  return [
    `--config.file=${directory}/prometheus.yml`,
    `--storage.tsdb.path=${directory}/data`,
    `--storage.tsdb.retention.time=${options.retentionMs}ms`,
    `--web.listen-address=${listen}`,
    '--log.level=warn',
    '--log.format=json',
  ];
}

/** A target with its own path carries it in the label that Prometheus takes it from. */
function staticConfig({ name, address, path }: ScrapeTarget) {
  return { targets: [address], labels: { replica: name, ...(path ? { __metrics_path__: path } : {}) } };
}

function rulesFile(group: RuleGroup): string {
  return stringify({ groups: [group] });
}
