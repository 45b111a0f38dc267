import { linkName, programOf, zoneOf } from '../naming.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import type { ControlConfigInput } from './config.ts';

/** Link over which the replicas of a service in `zone` reach the control service. */
export function controlLink(service: string, zone: string, { zones }: TopologyParts): string {
  return linkName(service, zone, 'control', zones);
}

/** Plan of a stack's control service: service registry and desired number of replicas. */
export function controlReplica({ options: { inference }, zones }: TopologyParts): ServicePlan {
  const { replicas, maxReplicas = replicas } = inference;
  const config: ControlConfigInput = { deployments: [{ name: 'inference', replicas, min: 1, max: maxReplicas }] };
  return {
    name: 'control',
    service: 'control',
    zone: zoneOf('control', zones),
    run: { kind: 'node', program: programOf('control') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    metricsPath: '/metrics',
    environment: ({ listen }: Addresses) => ({ LISTEN: listen, CONTROL_CONFIG: JSON.stringify(config) }),
  };
}
