import { controlLink } from '../control/replica.ts';
import { linkName, programOf, zoneOf } from '../naming.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import { TOKEN_VARIABLE } from '../token.ts';
import type { AutoscalerConfigInput } from './config.ts';
import type { AutoscalerOptions } from './options.ts';

/**
 * Plan of a stack's autoscaler. It reads metrics over links of its own, so that they can fail like anything else.
 * @param scraped replicas with metrics
 */
export function autoscalerReplica(
  options: AutoscalerOptions,
  parts: TopologyParts,
  scraped: readonly ServicePlan[],
): ServicePlan {
  const { timeScale, zones } = parts;
  const zone = zoneOf('autoscaler', zones);
  const toControl = controlLink('autoscaler', zone, parts);
  const measured = scraped.filter(({ service }) => service !== 'control');
  const toReplica = (name: string) => linkName('autoscaler', zone, name, zones);
  const configOf = (links: Addresses['links']): AutoscalerConfigInput => ({
    ...options,
    hpa: options.hpa as Record<string, unknown> | undefined,
    timeScale,
    control: `http://${links[toControl]}`,
    sources: measured.map(({ name, service, metricsPath }) => ({
      ...{ name, service },
      url: `http://${links[toReplica(name)]}${metricsPath}`,
    })),
  });
  return {
    name: 'autoscaler',
    service: 'autoscaler',
    zone,
    run: { kind: 'node', program: programOf('autoscaler') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    metricsPath: '/metrics',
    uses: [toControl, ...measured.map(({ name }) => toReplica(name))],
    environment: ({ listen, links, token }: Addresses) => ({
      LISTEN: listen,
      [TOKEN_VARIABLE]: token,
      AUTOSCALER_CONFIG: JSON.stringify(configOf(links)),
    }),
  };
}
