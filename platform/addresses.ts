import type { Addresses, ReadyProbe, ReplicaPlan } from '../stack/replica-plan.ts';

/** How a platform names what a replica is told of. */
export interface Directory {
  /** `host:port` of a replica; of one of its further listeners where one is named. */
  replica(name: string, listener?: string): string;
  /** Where those who use a link connect to, `host:port`. */
  link(name: string): string;
}

/** Where a replica is: its directory, and the address on which it listens, or one of its further listeners. */
export interface Own extends Pick<Addresses, 'directory' | 'isInImage'> {
  readonly listenAt: (listener?: string) => string;
}

/** What a replica is told. */
export function addressesOf(
  { uses, advertises = [], listeners = [] }: ReplicaPlan,
  where: Directory,
  { listenAt, directory, isInImage }: Own,
): Addresses {
  return {
    listen: listenAt(),
    listeners: Object.fromEntries(listeners.map(name => [name, listenAt(name)])),
    links: Object.fromEntries([...uses, ...advertises].map(name => [name, where.link(name)])),
    directory,
    isInImage,
  };
}

/** Where one asks whether a replica is ready, for `answersReady`. */
export function readyUrlOf({ name, ready }: ReplicaPlan, where: Directory): string {
  return readyUrl(ready, where.replica(name, ready.kind === 'http' ? ready.listener : undefined));
}

function readyUrl(ready: ReadyProbe, address: string): string {
  if (ready.kind === 'http') return `http://${address}${ready.path}`;
  return `redis://${ready.username}:${ready.password}@${address}`;
}
