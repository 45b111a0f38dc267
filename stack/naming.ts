import { extname, join } from 'node:path';
import type { TopologyParts } from './replica-plan.ts';

/** Names of the replicas of a service: `inference-1`, `inference-2`, … */
export function numbered(service: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${service}-${index + 1}`);
}

/** Names of zones: `zone-a`, `zone-b`, … */
export function zonesNamed(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `zone-${String.fromCharCode(97 + index)}`);
}

/** Zone of a replica. Numbered replicas are distributed over the zones in turn; others are in the first. */
export function zoneOf(replica: string, zones: readonly string[]): string {
  const number = Number(/-(\d+)$/.exec(replica)?.[1] ?? 1);
  return zones[(number - 1) % zones.length]!;
}

/** Name of the link that replicas of `service` in `zone` use: `gateway→redis`; with several zones `gateway@zone-b→redis`. */
export function linkName(service: string, zone: string, to: string, zones: readonly string[]): string {
  return zones.length > 1 ? `${service}@${zone}→${to}` : `${service}→${to}`;
}

/** Links over which gateways reach an inference replica, by zone of the gateways. */
export function inboundLinks(replica: string, { options: { gateway }, zones }: TopologyParts): Map<string, string> {
  const used = numbered('gateway', gateway.replicas).map(name => zoneOf(name, zones));
  return new Map(used.map(zone => [zone, linkName('gateway', zone, replica, zones)]));
}

/** Absolute path of a service's program: TypeScript in a checkout, JavaScript in a published package. */
export function programOf(service: string): string {
  return join(import.meta.dirname, service, `main${extname(import.meta.filename)}`);
}
