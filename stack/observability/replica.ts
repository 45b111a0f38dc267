import type { Login } from '../../harness/http/login.ts';
import { linkName, zoneOf } from '../naming.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import type { PrometheusOptions } from './options.ts';
import { prometheusArguments, renderPrometheus } from './prometheus.ts';
import { renderWebConfig } from './web-config.ts';

/**
 * Plan of a stack's Prometheus. It scrapes over links of its own, so that monitoring can be broken like anything else. It starts after the
 * replicas that it scrapes, but before those that read it.
 * @param login required of whoever reads it, since it cannot check `Host`
 * @param scraped replicas with metrics
 */
export function prometheusReplica(
  options: PrometheusOptions,
  login: Login,
  { timeScale, zones }: TopologyParts,
  scraped: readonly ServicePlan[],
): ServicePlan {
  const zone = zoneOf('prometheus', zones);
  const toReplica = (name: string) => linkName('prometheus', zone, name, zones);
  const linksTo = (isReader: boolean) =>
    scraped.filter(plan => readsPrometheus(plan) === isReader).map(({ name }) => toReplica(name));
  const targets = ({ links }: Addresses) => scraped.map(plan => ({ ...plan, address: links[toReplica(plan.name)]! }));
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
    ready: { kind: 'http', path: '/-/ready', ...login },
    uses: linksTo(false),
    advertises: linksTo(true),
    files: async addresses => ({
      ...renderPrometheus(options, targets(addresses), timeScale),
      ...(await renderWebConfig(login)),
    }),
  };
}

function readsPrometheus({ uses = [] }: ServicePlan): boolean {
  return uses.some(link => link.endsWith('→prometheus'));
}
