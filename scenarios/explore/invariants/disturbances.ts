import type { EndFacts, InvariantFacts } from './facts.ts';

/** What a fault touched, and when. */
export interface Disturbance {
  readonly id: string;
  readonly kind: string;
  /** Its target. */
  readonly on: string;
  /** From the beginning of the injection to the observed recovery, in ms; endless without one. */
  readonly fromMs: number;
  readonly toMs: number;
  /** When healing began, which may precede the observed recovery by far; that for a fault that healed itself. */
  readonly untilMs: number;
  /** Replicas that it touched themselves. */
  readonly replicas: ReadonlySet<string>;
  readonly links: ReadonlySet<string>;
}

/** Kinds of faults that close the connections which they concern, so that both ends learn of it. */
export const CLOSING: readonly string[] = ['kill', 'stop', 'zone-loss', 'down', 'reset-peer', 'limit-data'];

/** Faults that were injected, each with what it touched. */
export function disturbances({ plan, events, topology }: InvariantFacts): Disturbance[] {
  const stepOf = (id: string, step: string) =>
    events.find(event => event.type === 'fault' && event.id === id && event.step === step)?.atMs;
  return plan.faults.flatMap(({ id, kind, target }) => {
    const fromMs = stepOf(id, 'inject');
    if (fromMs === undefined) return [];
    const zones = target.split('|');
    const inZones = topology.replicas.filter(({ zone }) => zones.includes(zone)).map(({ name }) => name);
    const replicas = kind === 'zone-loss' ? inZones : [target];
    const links = kind === 'zone-partition' ? crossing(topology, zones) : [target];
    const toMs = stepOf(id, 'healed') ?? Number.POSITIVE_INFINITY;
    const untilMs = stepOf(id, 'heal') ?? toMs;
    return [{ id, kind, on: target, fromMs, toMs, untilMs, replicas: new Set(replicas), links: new Set(links) }];
  });
}

/** Links into a zone from another. */
function crossing({ replicas, links }: EndFacts['topology'], zones: readonly string[]): string[] {
  const zoneOf = (name: string) => replicas.find(replica => replica.name === name)?.zone ?? '';
  const isCut = ({ fromZone, to }: (typeof links)[number]) =>
    fromZone !== undefined && fromZone !== zoneOf(to) && (zones.includes(fromZone) || zones.includes(zoneOf(to)));
  return links.filter(isCut).map(({ name }) => name);
}

/** Disturbances that touched a replica, or a link to it, between two instants. */
export function disturbing(
  all: readonly Disturbance[],
  { topology }: EndFacts,
  replica: string,
  fromMs: number,
  toMs: number,
): Disturbance[] {
  const inbound = topology.links.filter(({ to }) => to === replica).map(({ name }) => name);
  return all.filter(
    one =>
      one.fromMs <= toMs &&
      one.toMs >= fromMs &&
      (one.replicas.has(replica) || inbound.some(link => one.links.has(link))),
  );
}
