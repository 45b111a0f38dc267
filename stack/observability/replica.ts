import { linkName, zoneOf } from '../naming.ts';
import { DEFAULT_RESTART } from '../options.ts';
import type { Addresses, ReplicaPlan, TopologyParts } from '../replica-plan.ts';
import type { PrometheusOptions } from './options.ts';
import { prometheusArguments, renderPrometheus } from './prometheus.ts';

/**
 * Plan of a stack's Prometheus. It scrapes over links of its own, so that monitoring can be broken like anything else.
 * @param scraped replicas with metrics
 */
export function prometheusReplica(
  options: PrometheusOptions,
  { timeScale, zones }: TopologyParts,
  scraped: readonly ReplicaPlan[],
): ReplicaPlan {
  const zone = zoneOf('prometheus', zones);
  const toReplica = (name: string) => linkName('prometheus', zone, name, zones);
  const targets = ({ links }: Addresses) =>
    scraped.map(({ name, service, metricsPath }) => ({
      name,
      service,
      address: links[toReplica(name)]!,
      path: metricsPath!,
    }));
  return {
    name: 'prometheus',
    service: 'prometheus',
    zone,
    run: {
      kind: 'tool',
      tool: 'prometheus',
      args: ({ listen, directory }: Addresses) => prometheusArguments(options, { listen, directory }),
    },
    protocol: 'http',
    ready: { kind: 'http', path: '/-/ready' },
    coldStartMs: 0,
    uses: scraped.map(({ name }) => toReplica(name)),
    restart: DEFAULT_RESTART,
    environment: () => ({}),
    files: async addresses => ({ ...renderPrometheus(options, targets(addresses), timeScale) }),
  };
}
