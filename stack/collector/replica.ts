import { linkName, programOf, zoneOf } from '../naming.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';

/** Name of the collector, of which a stack has at most one. */
export const COLLECTOR = 'collector';

/** Link over which the gateways of a zone send their spans. */
export function collectorLink(zone: string, { zones }: TopologyParts): string {
  return linkName('gateway', zone, COLLECTOR, zones);
}

/** Plan of a stack's collector, whose log has the spans of its gateways. */
export function collectorReplica({ zones }: TopologyParts): ServicePlan {
  return {
    name: COLLECTOR,
    service: COLLECTOR,
    zone: zoneOf(COLLECTOR, zones),
    run: { kind: 'node', program: programOf(COLLECTOR) },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    environment: ({ listen }: Addresses) => ({ LISTEN: listen }),
  };
}
