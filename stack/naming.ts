import { extname, join } from 'node:path';

/** Names of the replicas of a service: `inference-1`, `inference-2`, … */
export function numbered(service: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${service}-${index + 1}`);
}

/** `zone-a`, `zone-b`, … */
export function zonesNamed(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `zone-${String.fromCharCode(97 + index)}`);
}

/** The zone of a numbered replica: they spread over the zones in turn. What is there once stands in the first. */
export function zoneOf(replica: string, zones: readonly string[]): string {
  const number = Number(/-(\d+)$/.exec(replica)?.[1] ?? 1);
  return zones[(number - 1) % zones.length]!;
}

/** The name of the link that replicas of `service` use in `zone`: `gateway→redis`; with several zones `gateway@zone-b→redis`. */
export function linkName(service: string, zone: string, to: string, zones: readonly string[]): string {
  return zones.length > 1 ? `${service}@${zone}→${to}` : `${service}→${to}`;
}

/** The program of a service of ours, absolute: TypeScript in a checkout, JavaScript in a published package. */
export function programOf(service: string): string {
  return join(import.meta.dirname, service, `main${extname(import.meta.filename)}`);
}
