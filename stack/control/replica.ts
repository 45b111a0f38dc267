import { maxInference, scaleBounds } from '../autoscaler/bounds.ts';
import { inboundLinks, linkName, numbered, programOf, zoneOf } from '../naming.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import { TOKEN_VARIABLE } from '../token.ts';
import type { ControlConfigInput } from './config.ts';

/** Link over which the replicas of a service in `zone` reach the control service. */
export function controlLink(service: string, zone: string, { zones }: TopologyParts): string {
  return linkName(service, zone, 'control', zones);
}

/** Plan of a stack's control service: service registry and desired number of replicas. */
export function controlReplica(parts: TopologyParts): ServicePlan {
  const { options, zones } = parts;
  const { replicas } = options.inference;
  // It hands out these addresses and accepts no others.
  const advertises = numbered('inference', maxInference(options)).flatMap(name => [
    ...inboundLinks(name, parts).values(),
  ]);
  const configOf = (links: Addresses['links']): ControlConfigInput => ({
    deployments: [{ name: 'inference', replicas, ...scaleBounds(options) }],
    announced: advertises.map(name => links[name]!),
  });
  return {
    name: 'control',
    service: 'control',
    zone: zoneOf('control', zones),
    run: { kind: 'node', program: programOf('control') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    metricsPath: '/metrics',
    advertises,
    environment: ({ listen, links, token }: Addresses) => ({
      LISTEN: listen,
      CONTROL_CONFIG: JSON.stringify(configOf(links)),
      [TOKEN_VARIABLE]: token,
    }),
  };
}
