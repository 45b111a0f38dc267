import { stringify } from 'yaml';
import type { Addresses, ReplicaPlan } from '../replica-plan.ts';
import type { PrometheusOptions } from './options.ts';
import { alertRules, recordingRules, ruleTimes } from './rules.ts';

/** Scrape target: labels `replica` and `job`, and the `host:port` at which Prometheus reaches it. */
type ScrapeTarget = Pick<ReplicaPlan, 'name' | 'service' | 'metricsPath'> & { readonly address: string };

/**
 * Configuration files of a Prometheus that scrapes `targets`, with rules. Pure and deterministic. There is no Alertmanager; alerts are
 * read from Prometheus' API.
 *
 * @param timeScale divides the durations and windows of alerts
 */
export function renderPrometheus(options: PrometheusOptions, targets: readonly ScrapeTarget[], timeScale = 1) {
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
    'recording.yml': stringify({ groups: [recordingRules(times)] }),
    'alerts.yml': stringify({ groups: [alertRules(options, times)] }),
  };
}

type Location = Pick<Addresses, 'directory' | 'listen'>;

/** Arguments of the `prometheus` program; its data is stored next to the configuration. Probes: `/-/ready` and `/-/healthy`. */
export function prometheusArguments(options: PrometheusOptions, { directory, listen }: Location): string[] {
  return [
    `--config.file=${directory}/prometheus.yml`,
    `--web.config.file=${directory}/web.yml`,
    `--storage.tsdb.path=${directory}/data`,
    `--storage.tsdb.retention.time=${options.retentionMs}ms`,
    `--web.listen-address=${listen}`,
    // By default it lets pages of every site read its API.
    '--web.cors.origin=^$',
    '--log.level=warn',
    '--log.format=json',
  ];
}

/** Static configuration of one target, with its path in the label `__metrics_path__`. */
function staticConfig({ name, address, metricsPath: path }: ScrapeTarget) {
  return { targets: [address], labels: { replica: name, ...(path ? { __metrics_path__: path } : {}) } };
}
