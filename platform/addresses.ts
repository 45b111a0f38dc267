import type { Addresses, ReplicaPlan } from '../stack/replica-plan.ts';

/** Addresses of a stack's replicas and links, `host:port`. */
export interface Directory {
  /** Address of a replica, or of one of its additional listeners. */
  replica(name: string, listener?: string): string;
  /** Address that users of a link connect to. */
  link(name: string): string;
}

/** Directory of a replica, and the listen address of each of its listeners. */
export interface ListenContext extends Pick<Addresses, 'directory' | 'token' | 'isInImage'> {
  readonly listenAt: (listener?: string) => string;
}

/** Addresses passed to a replica. */
export function addressesOf(
  { uses, advertises = [], listeners = [] }: ReplicaPlan,
  where: Directory,
  { listenAt, directory, token, isInImage }: ListenContext,
): Addresses {
  return {
    listen: listenAt(),
    listeners: Object.fromEntries(listeners.map(name => [name, listenAt(name)])),
    links: Object.fromEntries([...uses, ...advertises].map(name => [name, where.link(name)])),
    directory,
    token,
    isInImage,
  };
}

/** URL of a replica's readiness probe, for `isReadyAt`, with the login that it requires. */
export function readyUrlOf({ name, ready }: ReplicaPlan, where: Directory): string {
  const login = ready.password === undefined ? '' : `${ready.username}:${ready.password}@`;
  if (ready.kind === 'redis') return `redis://${login}${where.replica(name)}`;
  return `http://${login}${where.replica(name, ready.listener)}${ready.path}`;
}
