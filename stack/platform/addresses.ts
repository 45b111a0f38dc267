import type { Addresses, ReadyProbe, ReplicaPlan } from '../topology.ts';

/** How a platform names what a replica is told of. */
export interface Directory {
  /** `host:port` of a replica; of one of its further listeners where one is named. */
  replica(name: string, listener?: string): string;
  /** Where those who use a link connect to, `host:port`. */
  link(name: string): string;
}

/** What a replica is told of its surroundings, but for where it listens itself. */
export function linksOf({ uses, advertises = [] }: ReplicaPlan, where: Directory): Addresses['links'] {
  return Object.fromEntries([...uses, ...advertises].map(name => [name, where.link(name)]));
}

/** Where one asks whether a replica is ready, for `answersReady`. */
export function readyUrlOf({ name, ready }: ReplicaPlan, where: Directory): string {
  return readyUrl(ready, where.replica(name, ready.kind === 'http' ? ready.listener : undefined));
}

function readyUrl(ready: ReadyProbe, address: string): string {
  if (ready.kind === 'http') return `http://${address}${ready.path}`;
  return `redis://${ready.username}:${ready.password}@${address}`;
}
