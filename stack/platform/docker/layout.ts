import { extname, join, relative, resolve, sep } from 'node:path';
import { SquallError } from '../../../harness/errors.ts';
import type { ReplicaPlan, Topology } from '../../topology.ts';

/** The network from which ports are published; no service is in it. */
export const EDGE_NETWORK = 'edge';
/** The name by which services know the fault proxy. */
export const PROXY = 'toxiproxy';
/** The port of the fault proxy's API, inside. */
export const PROXY_API_PORT = 8474;
/** The port on which every service listens, inside. */
export const SERVICE_PORT = 8000;

const FIRST_LINK_PORT = 20_001;
/** Where an image holds the checkout. */
const IMAGE_HOME = '/app';
const HOME = resolve(import.meta.dirname, '../../..');

/**
 * Who is in which network and who listens where, all inside containers. Every service has a network of its own, without a way
 * out, and the fault proxy is in all of them; so the only way from one service to another leads across a link:
 *
 * ```
 *   127.0.0.1 ──▶ edge ──▶ ┌───────────┐ ◀── gateway ──▶ gateway-1, gateway-2
 *                          │ toxiproxy │
 *                          └───────────┘ ◀── inference ──▶ inference-1 …
 * ```
 */
export interface Layout {
  /** {@link EDGE_NETWORK} and one for each service, by short name. */
  readonly networks: readonly string[];
  /** Port of a link in the fault proxy's container. */
  linkPort(link: string): number;
  /** Where the services that use a link connect to, `host:port`. */
  linkAddress(link: string): string;
  /** A replica's own address, `host:port`. */
  replicaAddress(replica: string): string;
}

/** The layout of a topology; pure. */
export function layoutOf(topology: Topology): Layout {
  const ports = new Map(topology.links.map(({ name }, index) => [name, FIRST_LINK_PORT + index]));
  const linkPort = (link: string) => ports.get(link)!;
  return {
    networks: [EDGE_NETWORK, ...new Set(topology.replicas.map(({ service }) => service))],
    linkPort,
    linkAddress: link => `${PROXY}:${linkPort(link)}`,
    replicaAddress: replica => `${replica}:${SERVICE_PORT}`,
  };
}

/**
 * The variables of a replica inside its container.
 * @param layout the one of its topology
 */
export function environmentOf(plan: ReplicaPlan, layout: Layout): Readonly<Record<string, string>> {
  const links = Object.fromEntries(
    [...plan.uses, ...(plan.advertises ?? [])].map(name => [name, layout.linkAddress(name)]),
  );
  return plan.environment({ listen: `0.0.0.0:${SERVICE_PORT}`, links });
}

/**
 * Where an image holds a program of this checkout: `…/stack/gateway/main.ts` is `/app/stack/gateway/main.ts`.
 * @throws SquallError `PROGRAM_NOT_IN_IMAGE` for one that lies elsewhere
 */
export function programInImage(program: string, home = HOME): string {
  const path = relative(home, program);
  if (path !== '' && !path.startsWith('..') && extname(path) !== '') return join(IMAGE_HOME, path).replaceAll(sep, '/');
  throw new SquallError('stack', 'PROGRAM_NOT_IN_IMAGE', `Expected ${program} to lie below ${home}`, {
    next: 'Images hold only what belongs to Squall.',
  });
}
