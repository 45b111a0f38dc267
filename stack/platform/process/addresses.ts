import type { Topology } from '../../topology.ts';
import { LOOPBACK, type ReservedPort, reserveFixedPort, reservePort } from '../ports.ts';

/** Who listens where, decided before anything starts. */
export interface AddressBook {
  /** `host:port` of a replica, a further listener of one ({@link listenerName}), a link or the fault proxy, by name. */
  of(name: string): string;
  /** Frees its port for the process that is about to listen there, and tells it. */
  claim(name: string): Promise<number>;
  /** Frees what nobody claimed. Idempotent. */
  free(): Promise<void>;
}

/** How the book names a further listener of a replica. */
export function listenerName(replica: string, listener: string): string {
  return `${replica}/${listener}`;
}

/**
 * Reserves a port for every replica and link of a topology and for the fault proxy's API. Links get theirs here and not
 * from the proxy, since a link that is taken down and up again must find its port free.
 * @throws SquallError `PORT_TAKEN`, `PORT_FORBIDDEN`, `NO_FREE_PORT`; nothing is reserved then
 */
export async function reserveAddresses(topology: Topology, proxyName: string): Promise<AddressBook> {
  const ports = new Map<string, ReservedPort>();
  const free = async () => {
    await Promise.all([...ports.values()].map(reserved => reserved.free()));
  };
  try {
    for (const { name, port } of topology.links)
      if (port !== 0) ports.set(name, await reserveFixedPort(port, `the link ${name}`));
    const listeners = topology.replicas.flatMap(({ name, listeners = [] }) => [
      name,
      ...listeners.map(listener => listenerName(name, listener)),
    ]);
    const names = [proxyName, ...listeners, ...topology.links.map(({ name }) => name)];
    for (const name of names) if (!ports.has(name)) ports.set(name, await reservePort());
  } catch (error) {
    await free();
    throw error;
  }
  return {
    of: name => `${LOOPBACK}:${ports.get(name)!.port}`,
    async claim(name) {
      const reserved = ports.get(name)!;
      await reserved.free();
      return reserved.port;
    },
    free,
  };
}
