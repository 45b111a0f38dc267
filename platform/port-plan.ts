import { SquallError } from '../harness/errors.ts';
import { PROXY } from './fault-proxy.ts';

/** First port of each user of links, of the fault proxy, and of the replicas themselves, from the base. */
const BLOCKS: Readonly<Record<string, number>> = {
  client: 0,
  operator: 80,
  gateway: 100,
  edge: 200,
  inference: 300,
  prometheus: 400,
  autoscaler: 500,
};
const REPLICAS = 900;
const HELPERS: Readonly<Record<string, number>> = { [PROXY]: 90, prober: 91 };
/** Place of a replica within the block of whoever uses it; numbered ones follow. */
const PLACES: Readonly<Record<string, number>> = {
  inference: 0,
  preprocess: 64,
  gateway: 70,
  collector: 89,
  control: 90,
  redis: 91,
  prometheus: 92,
  edge: 93,
  'edge/status': 94,
  autoscaler: 95,
  'gateway/admin': 96,
};
/** The same for clients and operators, of whose links there are few. */
const ENTRIES: Readonly<Record<string, number>> = { edge: 0, gateway: -1, control: 0, redis: 1, prometheus: 2 };
const PER_ZONE = 1000;

/**
 * Ports of a stack from a base, by name alone, so that they stay the same whatever else the scenario has:
 *
 * ```
 * base + 0    client→edge, or client→gateway-1, client→gateway-2 …      + 100 + n   gateway→inference-n
 *      + 80   operator→control, …→redis, …→prometheus                   + 200 …     edge→, inference→, prometheus→, autoscaler→
 *      + 90   the fault proxy's API                                     + 900 + n   inference-n itself
 * ```
 * In further zones (`gateway@zone-b→…`) 1000 more each.
 */
export function portOffset(name: string): number {
  const helper = HELPERS[name];
  if (helper !== undefined) return helper;
  const [from, to] = name.includes('→') ? (name.split('→') as [string, string]) : [undefined, name];
  if (from === undefined) return REPLICAS + placeOf(to, PLACES);
  const [service = '', zone = 'zone-a'] = from.split('@');
  const places = service === 'client' || service === 'operator' ? ENTRIES : PLACES;
  const block = BLOCKS[service];
  if (block === undefined) throw new Error(`${service} has no block in the plan of ports`);
  return block + placeOf(to, places) + PER_ZONE * (zone.charCodeAt(zone.length - 1) - 'a'.charCodeAt(0));
}

function placeOf(replica: string, places: Readonly<Record<string, number>>): number {
  const [, service = '', number = '0', listener = ''] = /^(.*?)(?:-(\d+))?(\/\w+)?$/.exec(replica)!;
  const place = places[service + listener];
  if (place === undefined) throw new Error(`${replica} has no place in the plan of ports`);
  return place + Number(number);
}

/**
 * Checks that a stack fits above a base.
 * @param names of everything that needs a port @param below the first port that the system gives to clients by itself
 * @throws SquallError `BAD_PORTS`
 */
export function requirePortsFit(base: number, names: readonly string[], below: number): void {
  const most = below - 1 - Math.max(...names.map(portOffset));
  if (base >= 1024 && base <= most) return;
  throw new SquallError('option', 'BAD_PORTS', `Expected --ports to be from 1024 to ${most}, got ${base}`, {
    next: `This stack needs ports up to ${below - 1 - most} above it, and from ${below} the system gives them to connections.`,
  });
}
