import type { Link, Replica, RunningStack } from '../harness/contracts.ts';
import { SquallError } from '../harness/errors.ts';

/** A zone of a running stack. */
export interface Zone {
  readonly name: string;
  readonly replicas: readonly Replica[];
  /** Replicas of all other zones. */
  readonly others: readonly Replica[];
}

/**
 * The border between two zones (`zone-a|zone-b`), or between one and all others (`zone-a`):
 *
 * ```
 *   zone-a │ zone-b
 *  gateway-1 ──gateway→inference-2──▶ inference-2      crosses
 *  gateway-1 ──gateway→inference-1──▶ inference-1      does not: both ends are in zone-a
 *   client ──client→gateway-1──▶ gateway-1             does not: comes from outside
 * ```
 */
export interface Boundary {
  readonly name: string;
  /** Links that cross it; at least one. */
  readonly crossing: readonly Link[];
  /** Links with both ends in one zone. */
  readonly inside: readonly Link[];
}

/** A topology or a running stack. */
interface Zoned {
  readonly replicas: readonly { readonly name: string; readonly zone: string }[];
  readonly links: readonly { readonly to: string; readonly fromZone?: string | undefined }[];
}

/** Every zone with a replica. */
export function zoneNames({ replicas }: Pick<Zoned, 'replicas'>): string[] {
  return [...new Set(replicas.map(({ zone }) => zone))].sort();
}

/** Every boundary that links cross: zones first, then pairs. */
export function boundaryNames(stack: Zoned): string[] {
  const zones = zoneNames(stack);
  const pairs = zones.flatMap((one, index) => zones.slice(index + 1).map(other => `${one}|${other}`));
  const ends = endsOf(stack);
  return [...zones, ...pairs].filter(name => stack.links.some(link => crosses(name, ends(link))));
}

/** Canonical name of a boundary: without spaces, zones sorted. */
export function boundaryName(written: string): string {
  return written
    .split('|')
    .map(zone => zone.trim())
    .sort()
    .join('|');
}

/** @throws SquallError `UNKNOWN_TARGET` */
export function zoneOf(name: string, stack: RunningStack): Zone {
  requireTarget(name, zoneNames(stack));
  return {
    name,
    replicas: stack.replicas.filter(({ zone }) => zone === name),
    others: stack.replicas.filter(({ zone }) => zone !== name),
  };
}

/** @throws SquallError `UNKNOWN_TARGET` also for a boundary that no link crosses */
export function boundaryOf(written: string, stack: RunningStack): Boundary {
  const name = boundaryName(written);
  requireTarget(name, boundaryNames(stack));
  const ends = endsOf(stack);
  return {
    name,
    crossing: stack.links.filter(link => crosses(name, ends(link))),
    inside: stack.links.filter(link => {
      const { from, to } = ends(link);
      return from !== undefined && from === to;
    }),
  };
}

/** Zones of both ends of a link. */
type Ends = Readonly<Record<'from' | 'to', string | undefined>>;

function endsOf({ replicas }: Zoned): (link: Zoned['links'][number]) => Ends {
  const zones = new Map(replicas.map(({ name, zone }) => [name, zone]));
  return ({ fromZone, to }) => ({ from: fromZone, to: zones.get(to) });
}

function crosses(boundary: string, { from, to }: Ends): boolean {
  if (from === undefined || to === undefined || from === to) return false;
  const zones = boundary.split('|');
  const isIn = (zone: string) => zones.includes(zone);
  return zones.length === 1 ? isIn(from) || isIn(to) : isIn(from) && isIn(to);
}

/** Finds a link or replica by its name. @throws SquallError `UNKNOWN_TARGET` */
export function named<T extends { readonly name: string }>(things: readonly T[], name: string): T {
  const names = things.map(thing => thing.name);
  requireTarget(name, names);
  return things[names.indexOf(name)]!;
}

function requireTarget(name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const message = `Expected a fault's target to be one of ${known.join(', ') || '(none)'}, got "${name}"`;
  throw new SquallError('fault', 'UNKNOWN_TARGET', message);
}
