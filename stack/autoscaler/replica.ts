import type { Login } from '../../harness/http/login.ts';
import { controlLink } from '../control/replica.ts';
import { linkName, programOf, zoneOf } from '../naming.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import { TOKEN_VARIABLE } from '../token.ts';
import type { AutoscalerConfigInput } from './config.ts';
import type { AutoscalerOptions } from './options.ts';

/**
 * Plan of a stack's autoscaler. It reads metrics over links of its own, so that they can fail like anything else.
 * @param scraped replicas with metrics
 * @param login of the stack's Prometheus, if it has one
 */
export function autoscalerReplica(
  options: AutoscalerOptions,
  parts: TopologyParts,
  scraped: readonly ServicePlan[],
  login: Login | undefined,
): ServicePlan {
  const { timeScale, zones, options: stack } = parts;
  const zone = zoneOf('autoscaler', zones);
  const toControl = controlLink('autoscaler', zone, parts);
  const prometheus = options.metricsFrom === 'prometheus' && stack.prometheus !== 'off' && stack.prometheus;
  const measured = prometheus ? [] : scraped.filter(({ service }) => service !== 'control');
  const toReplica = (name: string) => linkName('autoscaler', zone, name, zones);
  const toPrometheus = toReplica('prometheus');
  const configOf = (links: Addresses['links']): AutoscalerConfigInput => ({
    ...options,
    hpa: options.hpa as Record<string, unknown> | undefined,
    timeScale,
    control: `http://${links[toControl]}`,
    sources: measured.map(({ name, service, metricsPath }) => ({
      ...{ name, service },
      url: `http://${links[toReplica(name)]}${metricsPath}`,
    })),
    ...(prometheus && {
      prometheus: { url: `http://${links[toPrometheus]}`, login, scrapeEveryMs: prometheus.scrapeEveryMs },
    }),
  });
  return {
    name: 'autoscaler',
    service: 'autoscaler',
    zone,
    run: { kind: 'node', program: programOf('autoscaler') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    metricsPath: '/metrics',
    uses: [toControl, ...measured.map(({ name }) => toReplica(name)), ...(prometheus ? [toPrometheus] : [])],
    environment: ({ listen, links, token }: Addresses) => ({
      LISTEN: listen,
      [TOKEN_VARIABLE]: token,
      AUTOSCALER_CONFIG: JSON.stringify(configOf(links)),
    }),
  };
}
