import { extname, join, relative, resolve, sep } from 'node:path';
import { SquallError } from '../../harness/errors.ts';
import type { Addresses, ReplicaPlan } from '../../stack/replica-plan.ts';
import type { Topology } from '../../stack/topology.ts';
import { addressesOf, type Directory } from '../addresses.ts';
import { PROXY } from '../fault-proxy.ts';

/** Network from which ports are published; without services. */
export const ENTRY_NETWORK = 'entry';
/** Port of the fault proxy's API, inside. */
export const PROXY_API_PORT = 8474;
/** Folder of files copied into containers, with a subfolder for each replica. */
export const FILES = '/squall';
/** Port of every service, inside; additional listeners have the ports after it, in order. */
const SERVICE_PORT = 8000;

const FIRST_LINK_PORT = 20_001;
/** Folder of the checkout in an image. */
const IMAGE_HOME = '/app';
/** The checkout. */
export const HOME = resolve(import.meta.dirname, '../..');

/**
 * Networks and addresses inside containers. Every zone is an internal network, and the fault proxy is in all of them. So links are the
 * only path between zones; within a zone, services only know link addresses:
 *
 * ```
 *   127.0.0.1 ──▶ entry ──▶ ┌───────────┐ ◀── zone-a ──▶ gateway-1, inference-1 …
 *                           │ toxiproxy │
 *                           └───────────┘ ◀── zone-b ──▶ gateway-2, inference-2 …
 * ```
 */
export interface Layout extends Directory {
  /** {@link ENTRY_NETWORK} and one for each zone, by short name. */
  readonly networks: readonly string[];
  /** Port of a link in the fault proxy's container. */
  linkPort(link: string): number;
}

/** Layout of a topology; pure. */
export function layoutOf(topology: Topology): Layout {
  const ports = new Map(topology.links.map(({ name }, index) => [name, FIRST_LINK_PORT + index]));
  const linkPort = (link: string) => ports.get(link)!;
  return {
    networks: [ENTRY_NETWORK, ...new Set(topology.replicas.map(({ zone }) => zone))],
    linkPort,
    link: link => `${PROXY}:${linkPort(link)}`,
    replica: (name, listener) => `${name}:${portOf(topology, name, listener)}`,
  };
}

/** Addresses passed to a replica inside its container. */
export function addressesInside(plan: ReplicaPlan, layout: Layout, token: string): Addresses {
  return addressesOf(plan, layout, {
    listenAt: listener => `0.0.0.0:${layout.replica(plan.name, listener).split(':')[1]}`,
    directory: `${FILES}/${plan.name}`,
    token,
    isInImage: true,
  });
}

function portOf(topology: Topology, replica: string, listener: string | undefined): number {
  if (listener === undefined) return SERVICE_PORT;
  const { listeners = [] } = topology.replicas.find(({ name }) => name === replica)!;
  return SERVICE_PORT + 1 + listeners.indexOf(listener);
}

/**
 * Path in an image of a program: `…/stack/gateway/main.ts` is `/app/stack/gateway/main.ts`, also where it is compiled here, since images
 * are built from a checkout.
 * @throws SquallError `PROGRAM_NOT_IN_IMAGE` for a program outside the checkout
 */
export function programInImage(program: string, home = HOME): string {
  const path = relative(home, program);
  if (path !== '' && !path.startsWith('..') && extname(path) !== '')
    return join(IMAGE_HOME, path).replaceAll(sep, '/').replace(/\.js$/, '.ts');
  throw new SquallError('stack', 'PROGRAM_NOT_IN_IMAGE', `Expected ${program} to be inside ${home}`, {
    next: 'Images contain only programs of Squall.',
  });
}
